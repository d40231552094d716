module imagesetter.dev/tests/yaml_v3

go 1.24

require go.yaml.in/yaml/v3 v3.0.3
