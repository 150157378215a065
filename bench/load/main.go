// Load generator of the bench: N clients, each a stream on an HTTP/2 connection of its own, that parse what they
// receive and check that nothing is lost, repeated or out of order.
//
// It speaks with the harness in lines: JSON events on standard output (`connected`, `warm`, `complete`, `failed`,
// `result`), words on standard input (`next` connects the next step's clients, `finish` or its end asks for the result).
//
// `load certificate FOLDER` makes the certificate that the servers under test use.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
)

type settings struct {
	target     *url.URL
	tls        *tls.Config
	tokens     []string
	steps      []int
	warmup     int64
	records    int64
	lanes      int64
	windowSize uint32
}

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
	fleet := newFleet(settings, clock, events)
	commands := bufio.NewScanner(os.Stdin)
	for step, size := range settings.steps {
		if step > 0 && !(commands.Scan() && commands.Text() == "next") {
			break
		}
		fleet.grow(size)
		events.write(map[string]any{"event": "connected", "clients": size})
	}
	for commands.Scan() && commands.Text() != "finish" {
	}
	fleet.finish()
	events.write(fleet.result())
	return commands.Err()
}

func newFleet(settings settings, clock *clock, events *eventWriter) *fleet {
	fleet := &fleet{settings: settings}
	size := int64(settings.steps[len(settings.steps)-1])
	fleet.newOne = func(index int) *client {
		return &client{
			target: settings.target, token: settings.tokens[index%len(settings.tokens)], tls: settings.tls, clock: clock,
			tally: newTally(settings.lanes, settings.warmup), windowSize: settings.windowSize,
		}
	}
	fleet.warm.zero = func() { events.write(map[string]any{"event": "warm", "atMicros": clock.nowMicros()}) }
	fleet.complete.zero = func() { events.write(map[string]any{"event": "complete", "atMicros": clock.nowMicros()}) }
	fleet.failures.first = func(reason string) { events.write(map[string]any{"event": "failed", "reason": reason}) }
	fleet.warm.left.Store(size)
	fleet.complete.left.Store(size)
	return fleet
}

func readSettings() (settings, error) {
	target := flag.String("url", "", "https URL of the stream")
	authority := flag.String("ca", "", "PEM file of the authority that signed the server's certificate")
	tokens := flag.String("tokens", "", "file of bearer tokens, one a line, taken in turn by the clients")
	steps := flag.String("steps", "1000", "numbers of clients, ascending, comma-separated")
	warmup := flag.Int64("warmup", 0, "records before those whose latency counts")
	records := flag.Int64("records", 0, "records whose latency counts")
	lanes := flag.Int64("lanes", 1, "partitions over which the records are spread")
	window := flag.Uint("window", 6<<20, "initial HTTP/2 stream window, bytes")
	flag.Parse()
	parsed, err := url.Parse(*target)
	config, tlsErr := readAuthority(*authority)
	lines, tokensErr := readLines(*tokens)
	sizes, stepsErr := parseSteps(*steps)
	if err := errors.Join(err, tlsErr, tokensErr, stepsErr); err != nil {
		return settings{}, err
	}
	return settings{
		target: parsed, tls: config, tokens: lines, steps: sizes,
		warmup: *warmup, records: *records, lanes: max(*lanes, 1), windowSize: uint32(*window),
	}, nil
}

func readAuthority(path string) (*tls.Config, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", path)
	}
	return &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}, nil
}

func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		return nil, fmt.Errorf("no token in %s", path)
	}
	return lines, nil
}

func parseSteps(text string) ([]int, error) {
	var steps []int
	for _, word := range strings.Split(text, ",") {
		size, err := strconv.Atoi(word)
		if err != nil || size < 1 || (len(steps) > 0 && size <= steps[len(steps)-1]) {
			return nil, fmt.Errorf("steps %q are not ascending numbers from 1", text)
		}
		steps = append(steps, size)
	}
	return steps, nil
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
		os.Exit(1) // The harness is gone: there is nobody left to report to.
	}
}
