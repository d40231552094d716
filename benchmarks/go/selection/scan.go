package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const atOnce = 8

// scan lists the tags of each question's image from its registry, as the controller does, chooses, and prints what
// benchmarks/go/setters reads: "namespace:name image:tag", one a line.
func scan(questions []question) error {
	picks := make([]string, len(questions))
	errors := make([]error, len(questions))
	turns := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range questions {
		turns <- struct{}{}
		all.Add(1)
		go func() {
			defer func() { <-turns; all.Done() }()
			repository, err := name.NewRepository(questions[i].Image)
			if err == nil {
				questions[i].Tags, err = remote.List(repository)
			}
			if err != nil {
				errors[i] = err
				return
			}
			picks[i] = choose(&questions[i])
			questions[i].Tags = nil
		}()
	}
	all.Wait()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for i, pick := range picks {
		if errors[i] != nil {
			return errors[i]
		}
		fmt.Fprintf(out, "%s %s:%s\n", questions[i].Name, questions[i].Image, pick)
	}
	return nil
}
