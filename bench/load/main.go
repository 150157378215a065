// Load generator of the bench: N clients, each with one stream on an HTTP/2 connection of its own. They parse what they
// receive, and check that nothing is lost, repeated or out of order.
//
// It exchanges lines with the harness: JSON events on standard output (`connected`, `warm`, `complete`, `more`,
// `failed`, `result`), commands on standard input:
//
//	next      connects the next step's clients
//	more N    once all is complete: expects N further records; the answer has figures of those since the last time
//	measure   begins to count heartbeats, connects and openings
//	finish    closes every connection and gives the result; so does the end of the input
//
// `load certificate FOLDER` makes the certificate that the servers under test use.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 3 && os.Args[1] == "certificate" {
		return makeCertificate(os.Args[2])
	}
	settings, err := readSettings()
	if err != nil {
		return err
	}
	clock, err := newClock()
	if err != nil {
		return err
	}
	events := newEventWriter()
	commands := bufio.NewScanner(os.Stdin)
	switch {
	case settings.churn > 0:
		return runCompany(newChurn(settings, clock, events), commands, events)
	case settings.openings > 0:
		return runCompany(newOpener(settings, clock), commands, events)
	default:
		return runFleet(newFleet(settings, clock, events), commands, events)
	}
}

func runFleet(fleet *fleet, commands *bufio.Scanner, events *eventWriter) error {
	sizes := fleet.settings.steps
	grow := func() {
		fleet.grow(sizes[0])
		events.write(map[string]any{"event": "connected", "clients": sizes[0]})
		sizes = sizes[1:]
	}
	grow()
	for commands.Scan() && commands.Text() != "finish" {
		word, argument, _ := strings.Cut(commands.Text(), " ")
		switch {
		case word == "next" && len(sizes) > 0:
			grow()
		case word == "more":
			count, err := strconv.ParseInt(argument, 10, 64)
			if err != nil {
				return err
			}
			events.write(fleet.more(count))
		case word == "measure":
			fleet.measuring.Store(true)
		default:
			return fmt.Errorf("a command that is none: %q", commands.Text())
		}
	}
	fleet.finish()
	events.write(fleet.result())
	return commands.Err()
}

// company keeps a server busy beside the clients whose figures count.
type company interface {
	start()
	finish() any
}

func runCompany(company company, commands *bufio.Scanner, events *eventWriter) error {
	for commands.Scan() && commands.Text() != "measure" {
	}
	company.start()
	for commands.Scan() && commands.Text() != "finish" {
	}
	events.write(company.finish())
	return commands.Err()
}

// eventWriter writes one JSON object a line; several clients may report at the same moment.
type eventWriter struct {
	lock    sync.Mutex
	encoder *json.Encoder
}

func newEventWriter() *eventWriter {
	return &eventWriter{encoder: json.NewEncoder(os.Stdout)}
}

func (w *eventWriter) write(event any) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if err := w.encoder.Encode(event); err != nil {
		os.Exit(1) // the harness has ended, so nothing can read a report
	}
}

// failed tells the harness of the first thing that went wrong.
func (w *eventWriter) failed(reason string) {
	w.write(map[string]any{"event": "failed", "reason": reason})
}
