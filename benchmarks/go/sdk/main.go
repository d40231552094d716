// Go's SDKs for KRM functions, to compare with: `sdk label` gives each resource of a ResourceList the label team=five with
// kpt's SDK; `sdk check FILE...` reads each file with kpt's SDK and with kyaml's framework, and prints a line of JSON.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/kptdev/krm-functions-sdk/go/fn"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func label(list *fn.ResourceList) (bool, error) {
	for _, object := range list.Items {
		if err := object.SetLabel("team", "five"); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Found is what a parser makes of a list.
type Found struct {
	Items   int    `json:"items"`
	Results int    `json:"results"`
	Error   string `json:"error,omitempty"`
}

func byFn(data []byte) Found {
	list, err := fn.ParseResourceList(data)
	if err != nil {
		return Found{Error: err.Error()}
	}
	return Found{Items: len(list.Items), Results: len(list.Results)}
}

func byFramework(data []byte) Found {
	found := Found{}
	processor := framework.ResourceListProcessorFunc(func(list *framework.ResourceList) error {
		found = Found{Items: len(list.Items), Results: len(list.Results)}
		return nil
	})
	source := &kio.ByteReadWriter{Reader: bytes.NewReader(data), Writer: &bytes.Buffer{}, KeepReaderAnnotations: true}
	if err := framework.Execute(processor, source); err != nil {
		return Found{Error: err.Error()}
	}
	if source.Results != nil && found.Results == 0 {
		var results []yaml.Node
		if err := source.Results.YNode().Decode(&results); err != nil {
			return Found{Error: err.Error()}
		}
		found.Results = len(results)
	}
	return found
}

func check(files []string) error {
	out := json.NewEncoder(os.Stdout)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := out.Encode(map[string]Found{"fn": byFn(data), "framework": byFramework(data)}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "label":
		err = fn.AsMain(fn.ResourceListProcessorFunc(label))
	case len(os.Args) > 2 && os.Args[1] == "check":
		err = check(os.Args[2:])
	default:
		err = fmt.Errorf("usage: sdk label | sdk check FILE...")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
