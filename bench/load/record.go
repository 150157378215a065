package main

import (
	"bytes"
	"fmt"
)

// A record's value is `{"s":SEQUENCE,"t":MICROSECONDS,"p":"…"}`: its number, from 1, and when it was made, on the
// machine's monotonic clock. Anything else is an error: nobody but the bench writes into the bench's streams.
func parseRecord(value []byte) (sequence, stampMicros int64, err error) {
	rest, found := bytes.CutPrefix(value, []byte(`{"s":`))
	if !found {
		return 0, 0, unexpected(value)
	}
	sequence, rest = parseDigits(rest)
	rest, found = bytes.CutPrefix(rest, []byte(`,"t":`))
	if !found || sequence == 0 {
		return 0, 0, unexpected(value)
	}
	stampMicros, rest = parseDigits(rest)
	if !bytes.HasPrefix(rest, []byte(`,"p":"`)) || !bytes.HasSuffix(rest, []byte(`"}`)) || stampMicros == 0 {
		return 0, 0, unexpected(value)
	}
	return sequence, stampMicros, nil
}

func parseDigits(text []byte) (int64, []byte) {
	var number int64
	for i, c := range text {
		if c < '0' || c > '9' {
			return number, text[i:]
		}
		number = number*10 + int64(c-'0')
	}
	return number, nil
}

func unexpected(value []byte) error {
	return fmt.Errorf("an event that is no record of the bench: %.80q", value)
}

// tally holds what one client has received and what it must receive next. Records are spread over lanes (Kafka's
// partitions): record s is in lane s mod lanes, and inside a lane none may be missing, repeated or out of order.
type tally struct {
	lanes      int64
	warmup     int64 // Records up to this number are counted, but their latency is not.
	last       []int64
	received   int64
	valueBytes int64
	latency    histogram
}

func newTally(lanes, warmup int64) *tally {
	return &tally{lanes: lanes, warmup: warmup, last: make([]int64, lanes)}
}

func (t *tally) record(value []byte, nowMicros int64) error {
	sequence, stampMicros, err := parseRecord(value)
	if err != nil {
		return err
	}
	lane := sequence % t.lanes
	if expected := t.expected(lane); sequence != expected {
		return fmt.Errorf("record %d came where %d was due (lane %d)", sequence, expected, lane)
	}
	t.last[lane] = sequence
	t.received++
	t.valueBytes += int64(len(value))
	if sequence > t.warmup {
		t.latency.add(nowMicros - stampMicros)
	}
	return nil
}

func (t *tally) expected(lane int64) int64 {
	if t.last[lane] > 0 {
		return t.last[lane] + t.lanes
	}
	if lane == 0 {
		return t.lanes
	}
	return lane
}
