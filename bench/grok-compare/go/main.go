// Answers, for each line `FILE<TAB>MILLISECONDS` on standard input, how many lines a second go-grok reads.
// FILE: the pattern on its first line, then the log lines. A pattern is compiled once; the answer is
// `lines/s<TAB>matches<TAB>captures of the first line`, or `error<TAB>words`.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-grok"
)

type bench struct {
	grok  *grok.Grok
	lines []string
}

var sink int

func read(file string) (*bench, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	rows := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	compiled, err := grok.NewComplete()
	if err != nil {
		return nil, err
	}
	if err := compiled.Compile(rows[0], true); err != nil {
		return nil, err
	}
	return &bench{compiled, rows[1:]}, nil
}

// captures are typed, as ours are; a line that does not match has none
func (b *bench) captures(line string) (int, error) {
	event, err := b.grok.ParseTypedString(line)
	return len(event), err
}

// measure makes whole passes over the lines until the time is up; the rate is over all of them.
func (b *bench) measure(duration time.Duration) (string, error) {
	matches := 0
	for _, line := range b.lines {
		if b.grok.MatchString(line) {
			matches++
		}
	}
	first, err := b.captures(b.lines[0])
	if err != nil {
		return "", err
	}
	lines := 0
	start := time.Now()
	for time.Since(start) < duration {
		for _, line := range b.lines {
			n, err := b.captures(line)
			if err != nil {
				return "", err
			}
			sink += n
		}
		lines += len(b.lines)
	}
	return fmt.Sprintf("%f\t%d\t%d", float64(lines)/time.Since(start).Seconds(), matches, first), nil
}

func answer(cases map[string]*bench, request string) (string, error) {
	file, ms, _ := strings.Cut(request, "\t")
	duration, err := strconv.Atoi(ms)
	if err != nil {
		return "", err
	}
	if cases[file] == nil {
		made, err := read(file)
		if err != nil {
			return "", err
		}
		cases[file] = made
	}
	return cases[file].measure(time.Duration(duration) * time.Millisecond)
}

func main() {
	cases := map[string]*bench{}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		text, err := answer(cases, in.Text())
		if err != nil {
			text = "error\t" + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(text)
	}
	fmt.Fprintf(os.Stderr, "go-grok: %d captures\n", sink)
}
