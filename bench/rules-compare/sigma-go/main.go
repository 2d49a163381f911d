// sigma-go's turn: rulescompare DIR SECONDS bucketed|all. DIR has events.ndjson, buckets.json and the rule files; see
// compare.ts. Says one line of JSON, then the matches, "event rule-id" a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/bradleyjkemp/sigma-go"
	"github.com/bradleyjkemp/sigma-go/evaluator"
)

// Processor time of the process, the collector's included.
func seconds() float64 {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return float64(time.Now().UnixNano()) / 1e9
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type event struct {
	Bucket int            `json:"bucket"`
	Event  map[string]any `json:"event"`
}

func main() {
	runtime.GOMAXPROCS(1)
	dir := os.Args[1]
	limit, err := strconv.ParseFloat(os.Args[2], 64)
	check(err)
	bucketed := os.Args[3] == "bucketed"

	var set struct {
		Files   []string `json:"files"`
		Buckets [][]int  `json:"buckets"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "buckets.json"))
	check(err)
	check(json.Unmarshal(text, &set))
	start := seconds()
	rules := make([]*sigma.Rule, len(set.Files))
	failed := 0
	for i, name := range set.Files {
		text, err := os.ReadFile(filepath.Join(dir, "rules", name))
		check(err)
		rule, err := sigma.ParseRule(text)
		if err != nil {
			failed++
			continue
		}
		rules[i] = &rule
	}
	bundleOf := func(of []int) evaluator.RuleEvaluatorBundle {
		list := []sigma.Rule{}
		for _, i := range of {
			if rules[i] != nil {
				list = append(list, *rules[i])
			}
		}
		return evaluator.ForRules(list)
	}
	every := make([]int, len(rules))
	for i := range every {
		every[i] = i
	}
	whole := bundleOf(every)
	load := seconds() - start
	bundles := []evaluator.RuleEvaluatorBundle{}
	if bucketed {
		for _, of := range set.Buckets {
			bundles = append(bundles, bundleOf(of))
		}
	}

	file, err := os.Open(filepath.Join(dir, "events.ndjson"))
	check(err)
	events := []event{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var one event
		check(json.Unmarshal(lines.Bytes(), &one))
		events = append(events, one)
	}
	check(lines.Err())

	matches := [][2]string{}
	start = seconds()
	done := len(events)
	for i, one := range events {
		bundle := whole
		if bucketed {
			bundle = bundles[one.Bucket]
		}
		found, err := bundle.Matches(context.Background(), one.Event)
		check(err)
		for _, result := range found {
			if result.Match {
				matches = append(matches, [2]string{strconv.Itoa(i), result.Rule.ID})
			}
		}
		if seconds()-start > limit {
			done = i + 1
			break
		}
	}
	took := seconds() - start
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	loaded := len(rules) - failed
	fmt.Fprintf(out, `{"loaded":%d,"failed":%d,"loadMs":%d,"events":%d,"seconds":%g}`+"\n", loaded, failed, int(load*1000), done, took)
	for _, one := range matches {
		fmt.Fprintln(out, one[0], one[1])
	}
}
