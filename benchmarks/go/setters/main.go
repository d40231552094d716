// setters does with kyaml what Flux's image-automation-controller does: it reads YAML, sets the fields whose comments
// name an image policy, and writes what it read.
//
//	setters list IMAGES < RESOURCELIST > RESOURCELIST
//	setters tree IMAGES FOLDER
//
// IMAGES has lines "namespace:name image:tag". Of a tree only the files that contain "$imagepolicy" are parsed, as in
// Flux's own reader, and only files with a changed field are written.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

var token = []byte("$imagepolicy")

type setter struct {
	images  map[string]string
	changed int
}

func readImages(name string) (map[string]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	images := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		policy, image, _ := strings.Cut(lines.Text(), " ")
		images[policy] = image
	}
	return images, lines.Err()
}

// set visits every scalar value and sets those whose comment names a policy.
func (s *setter) set(node *yaml.Node) error {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 1; i < len(node.Content); i += 2 {
			if err := s.set(node.Content[i]); err != nil {
				return err
			}
		}
	case yaml.SequenceNode, yaml.DocumentNode:
		for _, child := range node.Content {
			if err := s.set(child); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		comment := strings.TrimLeft(node.LineComment, "# ")
		if !strings.HasPrefix(comment, "{") {
			return nil
		}
		marker := map[string]string{}
		if json.Unmarshal([]byte(comment), &marker) != nil || marker[string(token)] == "" {
			return nil
		}
		image, ok := s.images[marker[string(token)]]
		if !ok {
			return fmt.Errorf("no image for %s", marker[string(token)])
		}
		if node.Value != image {
			node.Value = image
			s.changed++
		}
	}
	return nil
}

func (s *setter) filter(nodes []*yaml.RNode) ([]*yaml.RNode, error) {
	for _, node := range nodes {
		if err := s.set(node.YNode()); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (s *setter) list(in io.Reader, out io.Writer) error {
	io := &kio.ByteReadWriter{Reader: in, Writer: out, KeepReaderAnnotations: true}
	return kio.Pipeline{
		Inputs:  []kio.Reader{io},
		Filters: []kio.Filter{kio.FilterFunc(s.filter)},
		Outputs: []kio.Writer{io},
	}.Execute()
}

func (s *setter) file(name string) error {
	data, err := os.ReadFile(name)
	if err != nil || !bytes.Contains(data, token) {
		return err
	}
	before := s.changed
	var out bytes.Buffer
	err = kio.Pipeline{
		Inputs: []kio.Reader{&kio.ByteReader{
			Reader: bytes.NewReader(data), PreserveSeqIndent: true,
		}},
		Filters: []kio.Filter{kio.FilterFunc(s.filter)},
		Outputs: []kio.Writer{kio.ByteWriter{
			Writer: &out, ClearAnnotations: []string{kioutil.IndexAnnotation, kioutil.LegacyIndexAnnotation},
		}},
	}.Execute()
	if err != nil || s.changed == before {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, out.Bytes(), info.Mode())
}

func (s *setter) tree(folder string) error {
	return filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")) {
			return s.file(name)
		}
		return nil
	})
}

func run(args []string) (*setter, error) {
	if len(args) < 2 {
		return nil, fmt.Errorf("usage: setters list IMAGES | setters tree IMAGES FOLDER")
	}
	images, err := readImages(args[1])
	if err != nil {
		return nil, err
	}
	s := &setter{images: images}
	if args[0] == "tree" && len(args) == 3 {
		return s, s.tree(args[2])
	}
	return s, s.list(os.Stdin, os.Stdout)
}

func main() {
	s, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, s.changed, "fields changed")
}
