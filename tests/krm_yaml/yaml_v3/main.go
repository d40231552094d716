// Says which scalars of a YAML text are marked, as kyaml's setters see it with yaml.v3.
//
// One JSON string a line comes in, one JSON object a line goes out: {"hits": [[path, value, marker, "line" or "head"]]} or
// {"error": "..."}. The rule is that of kyaml fieldmeta: of a scalar value, the line comment, or if there is none the head
// comment, without the leading #, has to be a JSON object of strings with a "$imagepolicy". Of equal keys the first counts.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

type answer struct {
	Hits  [][]any `json:"hits"`
	Error string  `json:"error,omitempty"`
}

func marker(node *yaml.Node) (value, how string) {
	comment, how := node.LineComment, "line"
	if comment == "" {
		comment, how = node.HeadComment, "head"
	}
	object := map[string]string{}
	if json.Unmarshal([]byte(strings.TrimLeft(comment, "#")), &object) != nil {
		return "", ""
	}
	return object["$imagepolicy"], how
}

func walk(node *yaml.Node, path []any, found *[][]any) {
	below := func(step any) []any { return append(append([]any{}, path...), step) }
	switch node.Kind {
	case yaml.DocumentNode:
		for _, child := range node.Content {
			walk(child, path, found)
		}
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i].Value; !seen[key] {
				seen[key] = true
				walk(node.Content[i+1], below(key), found)
			}
		}
	case yaml.SequenceNode:
		for i, child := range node.Content {
			walk(child, below(i), found)
		}
	case yaml.ScalarNode:
		if value, how := marker(node); value != "" {
			*found = append(*found, []any{path, node.Value, value, how})
		}
	}
}

func read(text string) (result answer) {
	result.Hits = [][]any{}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		switch err := decoder.Decode(&document); err {
		case nil:
			walk(&document, []any{}, &result.Hits)
		case io.EOF:
			return result
		default:
			return answer{Error: err.Error()}
		}
	}
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var text string
		if err := json.Unmarshal(in.Bytes(), &text); err != nil {
			panic(err)
		}
		if err := out.Encode(read(text)); err != nil {
			panic(err)
		}
	}
	if err := in.Err(); err != nil {
		panic(err)
	}
}
