# The function and the command as a container, for kpt, kustomize and CI. `make image` builds it.
#
#   BASE, BASE_DIGEST            the base image and its digest, sha256:...; a release always gives the digest
#   VERSION, REVISION, CREATED   what the labels say; CREATED is the commit's time, so that builds can be repeated
#
# linux/amd64 and linux/arm64, by --platform: every pinned requirement has wheels for both.
ARG BASE=docker.io/library/python:3.13-slim
ARG BASE_DIGEST=

FROM ${BASE}${BASE_DIGEST:+@${BASE_DIGEST}} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# pip and hatchling stay in an environment that is left behind; /opt/imagesetter holds only what runs.
# Only what these name is installed, from wheels with these hashes; `pip check` proves that it is all that is needed.
COPY requirements/build_backend.py requirements/build.txt requirements/runtime.txt /source/requirements/
RUN python3 -m venv /opt/build \
    && python3 -m venv --without-pip /opt/imagesetter \
    && /opt/build/bin/pip install -q --no-deps --only-binary :all: --require-hashes -r /source/requirements/build.txt \
    && /opt/build/bin/pip check \
    && /opt/build/bin/pip --python /opt/imagesetter install -q --no-compile --no-deps --only-binary :all: --require-hashes \
       -r /source/requirements/runtime.txt
COPY pyproject.toml README.md LICENSE /source/
COPY fn /source/fn
# Bytecode is compiled here, since nobody can write it at run time; unchecked, so that no time stamp decides about it.
RUN /opt/build/bin/pip wheel -q --no-deps --no-build-isolation -w /wheel /source \
    && /opt/build/bin/pip --python /opt/imagesetter install -q --no-compile --no-deps --no-index -f /wheel imagesetter \
    && /opt/build/bin/pip --python /opt/imagesetter check \
    && PYTHONHASHSEED=0 python3 -B -m compileall -q -f --invalidation-mode unchecked-hash /opt/imagesetter/lib

FROM ${BASE}${BASE_DIGEST:+@${BASE_DIGEST}}
# The slim base comes without the standard library's bytecode: compile what a function may import.
RUN ["env", "PYTHONHASHSEED=0", "python3", "-B", "-c", "import compileall, py_compile, re, sysconfig; \
compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=1, force=True, \
rx=re.compile('/(test|idlelib|tkinter|turtledemo|lib2to3|ensurepip|site-packages|dist-packages)/'), \
invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"]
COPY --from=build /opt/imagesetter /opt/imagesetter
ENV PATH=/opt/imagesetter/bin:$PATH
# nobody, who has no home: the root file system may be read-only, and no shell is needed.
USER 65534:65534
ENTRYPOINT ["/opt/imagesetter/bin/python", "-I", "-m", "imagesetter"]
ARG BASE
ARG BASE_DIGEST
ARG VERSION=dev
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="imagesetter" \
      org.opencontainers.image.description="Flux's image automation without a controller: a KRM function" \
      org.opencontainers.image.source="https://github.com/imagesetter/imagesetter" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
