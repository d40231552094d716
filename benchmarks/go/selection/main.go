// Command selection chooses one tag for each policy of a file, the way Flux's image-reflector-controller does: Go's
// regexp for filterTags, Masterminds/semver and fluxcd/pkg/version for semver, strconv for numerical. It does nothing
// that the controller does not have to do for an answer: tags come in the order in which the controller keeps them,
// signatures are told by their suffix, and the alphabetical rule takes one pass where the controller sorts.
//
// Usage: selection FILE. FILE holds one JSON object a line: {"kind": "...", "tags": [...], "filterTags": {...},
// "policy": {...}}. It prints the picks, one a line, and on standard error a JSON object with the seconds that choosing
// took for each kind, and the processor time for all, reading not counted. With `selection scan FILE` each object has the
// "image" and the policy's "name" instead of tags, which are listed with go-containerregistry: see scan.go.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/fluxcd/pkg/version"
)

type order struct {
	Order string `json:"order"`
}

type question struct {
	Kind       string   `json:"kind"`
	Name       string   `json:"name"`
	Image      string   `json:"image"`
	Tags       []string `json:"tags"`
	FilterTags *struct {
		Pattern string `json:"pattern"`
		Extract string `json:"extract"`
	} `json:"filterTags"`
	Policy struct {
		Semver *struct {
			Range string `json:"range"`
		} `json:"semver"`
		Alphabetical *order `json:"alphabetical"`
		Numerical    *order `json:"numerical"`
	} `json:"policy"`
}

func main() {
	questions := read(os.Args[len(os.Args)-1])
	if os.Args[1] == "scan" {
		if err := scan(questions); err != nil {
			panic(err)
		}
		return
	}
	picks := make([]string, len(questions))
	seconds := map[string]float64{}
	before := processor()
	for i := range questions {
		start := time.Now()
		picks[i] = choose(&questions[i])
		seconds[questions[i].Kind] += time.Since(start).Seconds()
	}
	seconds["processor"] = processor() - before
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, pick := range picks {
		fmt.Fprintln(out, pick)
	}
	if err := json.NewEncoder(os.Stderr).Encode(seconds); err != nil {
		panic(err)
	}
}

// processor is the time that all threads of the process have used, those of the garbage collector included.
func processor() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func read(name string) []question {
	file, err := os.Open(name)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	var questions []question
	for decoder := json.NewDecoder(bufio.NewReader(file)); decoder.More(); {
		var q question
		if err := decoder.Decode(&q); err != nil {
			panic(err)
		}
		questions = append(questions, q)
	}
	return questions
}

// choose filters, then ranks; "" stands for an error. Tags come in the order in which the controller keeps them.
func choose(q *question) string {
	tags := make([]string, 0, len(q.Tags))
	for _, tag := range q.Tags {
		if !strings.HasSuffix(tag, ".sig") {
			tags = append(tags, tag)
		}
	}
	if q.FilterTags == nil {
		pick, _ := rank(q, tags)
		return pick
	}
	pattern, err := regexp.Compile(q.FilterTags.Pattern)
	if err != nil {
		return ""
	}
	keys := make(map[string]string, len(tags))
	for _, tag := range tags {
		if match := pattern.FindStringSubmatchIndex(tag); match != nil {
			key := tag
			if q.FilterTags.Extract != "" {
				key = string(pattern.ExpandString(nil, q.FilterTags.Extract, tag, match))
			}
			keys[key] = tag
		}
	}
	items := make([]string, 0, len(keys))
	for key := range keys {
		items = append(items, key)
	}
	if pick, ok := rank(q, items); ok {
		return keys[pick]
	}
	return ""
}

func rank(q *question, items []string) (string, bool) {
	switch {
	case len(items) == 0:
		return "", false
	case q.Policy.Semver != nil:
		return latest(q.Policy.Semver.Range, items)
	case q.Policy.Alphabetical != nil:
		return last(q.Policy.Alphabetical.Order == "desc", items), true
	default:
		return largest(q.Policy.Numerical.Order == "desc", items)
	}
}

func latest(text string, items []string) (string, bool) {
	constraint, err := semver.NewConstraint(text)
	if err != nil {
		return "", false
	}
	var best *semver.Version
	for _, item := range items {
		if v, err := version.ParseVersion(item); err == nil {
			if constraint.Check(v) && (best == nil || v.GreaterThan(best)) {
				best = v
			}
		}
	}
	if best == nil {
		return "", false
	}
	return best.Original(), true
}

// last does not sort as the controller does: one pass is enough.
func last(descending bool, items []string) string {
	pick := items[0]
	for _, item := range items {
		if descending && item < pick || !descending && item > pick {
			pick = item
		}
	}
	return pick
}

func largest(descending bool, items []string) (string, bool) {
	var pick string
	var best float64
	for i, item := range items {
		number, err := strconv.ParseFloat(item, 64)
		if err != nil {
			return "", false
		}
		if i > 0 && (descending && number > best || !descending && number < best) {
			continue
		}
		pick, best = item, number
	}
	return pick, true
}
