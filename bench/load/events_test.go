package main

import (
	"math/rand"
	"slices"
	"testing"
)

func readEvents(t *testing.T, chunks ...string) []string {
	t.Helper()
	var events []string
	reader := eventReader{
		deliver: func(data []byte) error {
			events = append(events, string(data))
			return nil
		},
		signal: func(name string) error {
			events = append(events, "!"+name)
			return nil
		},
	}
	for _, chunk := range chunks {
		if err := reader.read([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
	}
	return events
}

func TestEventsAreReadAsTheSpecificationSays(t *testing.T) {
	for text, expected := range map[string][]string{
		"data:a\nid:1\n\n":                        {"a"},
		"data: a\ndata:  b\n\n":                   {"a\n b"},
		"data:a\r\n\r\ndata:b\r\rdata:c\n\n":      {"a", "b", "c"},
		":\n\n:ready\n\nretry:2000\n\ndata:a\n\n": {"a"},
		"event:challenge\ndata:a\n\ndata:b\n\n":   {"!challenge", "b"},
		"event:challenge\n\ndata:b\n\n":           {"b"},
		"event:message\ndata:a\n\n":               {"a"},
		"data:unfinished\n":                       nil,
		"id:1\n\n":                                nil,
		"data:a:b\n\n":                            {"a:b"},
		"datum:a\n\ndata:b\n\n":                   {"b"},
	} {
		if events := readEvents(t, text); !slices.Equal(events, expected) {
			t.Errorf("%q: %q, not %q", text, events, expected)
		}
	}
}

func TestEventsAreTheSameHoweverTheyArrive(t *testing.T) {
	text := "retry:1\n\ndata:first\r\nid:a\r\n\r\n:\n\ndata: second\ndata:line\n\nevent:x\ndata:no\n\ndata:third\r\rdata:fourth\n\n"
	expected := readEvents(t, text)
	if len(expected) != 5 {
		t.Fatalf("%q", expected)
	}
	for range 500 {
		var chunks []string
		for rest := text; len(rest) > 0; {
			size := 1 + rand.Intn(min(len(rest), 9))
			chunks, rest = append(chunks, rest[:size]), rest[size:]
		}
		if events := readEvents(t, chunks...); !slices.Equal(events, expected) {
			t.Fatalf("%q: %q", chunks, events)
		}
	}
}
