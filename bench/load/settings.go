package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// settings are the flags of a run. A file of tokens has one a line.
type settings struct {
	target     *url.URL
	tls        *tls.Config
	tokens     []string
	windowSize uint32

	steps          []int
	after          int64
	warmup         int64
	records        int64 // -1: how many come is not known before.
	further        bool
	lanes          int64
	readRate       int64
	renewals       []string
	challengeAhead int64
	heartbeatEvery int64

	selections   []*selection // In turn; none where every client gets every record.
	keyParameter string       // Of the URL, for each selected key; empty where the token says which keys.
	oneByOne     string

	churn    int
	openings int
}

func readSettings() (settings, error) {
	target := flag.String("url", "", "https URL of the stream")
	authority := flag.String("ca", "", "PEM file of the authority that signed the server's certificate")
	tokens := flag.String("tokens", "", "file of bearer tokens, taken in turn by the clients")
	window := flag.Uint("window", 6<<20, "initial HTTP/2 stream window, bytes")
	steps := flag.String("steps", "1000", "numbers of clients, ascending, comma-separated")
	after := flag.Int64("after", 0, "records that came before the clients, which do not get them")
	warmup := flag.Int64("warmup", 0, "records before those whose latency counts")
	records := flag.Int64("records", 0, "records whose latency counts; -1 where their number is not known before")
	further := flag.Bool("further", false, "whether more than these may come")
	lanes := flag.Int64("lanes", 1, "partitions over which the records are spread")
	readRate := flag.Int64("read-rate", 0, "bytes a second that a client reads from its connection; 0 without a limit")
	renewals := flag.String("renewals", "", "file of tokens with which the first clients answer their challenge")
	challenge := flag.Int64("challenge-seconds", 0, "how long before its token's exp a challenge is due")
	heartbeat := flag.Int64("heartbeat-seconds", 0, "silence after which a heartbeat is due; 0: they are not checked")
	chosen := flag.String("selections", "", "file with the numbers of the keys that a client selects, a line for each")
	keys := flag.Int64("keys", 0, "number of keys of the records, where clients select")
	stride := flag.Int64("stride", 1, "record n has key n * stride mod keys")
	parameter := flag.String("key-parameter", "", "parameter of the URL that names a selected key")
	oneByOne := flag.String("one-by-one", "", "each client connects once the one before has its `last` record, or `ready`")
	churn := flag.Int("churn", 0, "instead: as many connects at a time, each left after its first bytes")
	openings := flag.Int("openings", 0, "instead: streams a second that one connection opens and closes")
	flag.Parse()
	parsed, err := url.Parse(*target)
	if err != nil {
		return settings{}, err
	}
	config, tlsErr := readAuthority(*authority, parsed)
	lines, tokensErr := readLines(*tokens)
	answers, renewalsErr := readRenewals(*renewals)
	sizes, stepsErr := parseSteps(*steps)
	selections, selectionsErr := readSelections(*chosen, *keys, *stride)
	if err := errors.Join(tlsErr, tokensErr, renewalsErr, stepsErr, selectionsErr); err != nil {
		return settings{}, err
	}
	return settings{
		target: parsed, tls: config, tokens: lines, windowSize: uint32(*window),
		steps: sizes, after: *after, warmup: *warmup, records: *records, further: *further, lanes: max(*lanes, 1),
		readRate: *readRate, renewals: answers, challengeAhead: *challenge * second, heartbeatEvery: *heartbeat * second,
		selections: selections, keyParameter: *parameter, oneByOne: *oneByOne, churn: *churn, openings: *openings,
	}, nil
}

// second is a second in microseconds.
const second = 1_000_000

// targetOf is the URL of a client that selects.
func (s *settings) targetOf(own *selection) *url.URL {
	if s.keyParameter == "" {
		return s.target
	}
	query := s.target.Query()
	query[s.keyParameter] = own.names
	target := *s.target
	target.RawQuery = query.Encode()
	return &target
}

func (s *settings) token(index int) string {
	return s.tokens[index%len(s.tokens)]
}

func readAuthority(path string, target *url.URL) (*tls.Config, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", path)
	}
	return &tls.Config{
		RootCAs: roots, ServerName: target.Hostname(), NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
	}, nil
}

func readRenewals(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	return readLines(path)
}

func readSelections(path string, keys, stride int64) ([]*selection, error) {
	if path == "" {
		return nil, nil
	}
	lines, linesErr := readLines(path)
	space, spaceErr := newKeySpace(keys, stride)
	if err := errors.Join(linesErr, spaceErr); err != nil {
		return nil, err
	}
	selections := make([]*selection, len(lines))
	for index, line := range lines {
		var err error
		if selections[index], err = space.parse(line); err != nil {
			return nil, err
		}
	}
	return selections, nil
}

func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		return nil, fmt.Errorf("no line in %s", path)
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
