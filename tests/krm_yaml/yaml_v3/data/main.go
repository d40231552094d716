// Says what data a YAML text holds, as Go's yaml.v3 reads it.
//
// One JSON string a line comes in, one JSON value a line goes out: mappings are objects, lists are arrays, scalars are
// strings with their type in front, such as "i:80" and "s:80". {"error": ["..."]} stands for a text that is refused.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"go.yaml.in/yaml/v3"
)

func scalar(node *yaml.Node) any {
	var value any
	if err := node.Decode(&value); err != nil {
		return "error:" + err.Error()
	}
	switch typed := value.(type) {
	case nil:
		return "n:"
	case string:
		return "s:" + typed
	case bool:
		return "b:" + strconv.FormatBool(typed)
	case float64:
		return "f:" + strconv.FormatFloat(typed, 'g', -1, 64)
	case int, int64, uint64:
		return fmt.Sprintf("i:%d", typed)
	}
	return "t:" + node.Value
}

func merge(into map[string]any, node *yaml.Node) {
	switch node.Kind {
	case yaml.AliasNode:
		merge(into, node.Alias)
	case yaml.SequenceNode:
		for _, each := range node.Content {
			merge(into, each)
		}
	case yaml.MappingNode:
		for key, value := range data(node).(map[string]any) {
			if _, known := into[key]; !known {
				into[key] = value
			}
		}
	}
}

func data(node *yaml.Node) any {
	switch node.Kind {
	case yaml.DocumentNode:
		return data(node.Content[0])
	case yaml.AliasNode:
		return data(node.Alias)
	case yaml.SequenceNode:
		items := []any{}
		for _, each := range node.Content {
			items = append(items, data(each))
		}
		return items
	case yaml.MappingNode:
		object := map[string]any{}
		for at := 0; at < len(node.Content); at += 2 {
			if key := node.Content[at]; key.ShortTag() != "!!merge" {
				object[key.Value] = data(node.Content[at+1])
			}
		}
		for at := 0; at < len(node.Content); at += 2 {
			if node.Content[at].ShortTag() == "!!merge" {
				merge(object, node.Content[at+1])
			}
		}
		return object
	}
	return scalar(node)
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			panic(err)
		}
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			out.Encode(map[string]any{"error": []string{err.Error()}})
			continue
		}
		out.Encode(data(&document))
	}
}
