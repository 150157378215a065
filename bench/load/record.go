package main

import (
	"bytes"
	"fmt"
	"math"
)

// A record's value is `{"s":SEQUENCE,"t":MICROSECONDS,"p":"…"}`: its number, from 1, and when it was made, on the
// machine's monotonic clock. Anything else is an error, because only the bench writes into its streams.
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
	last       []int64
	received   int64
	valueBytes int64
	stretch    int64 // The first record whose latency counts.
	latency    histogram
	arrivals   []uint32 // Latency of each record from there on, where they are few.
}

// arrivalsMax bounds what a client keeps to tell when the last client had each record.
const arrivalsMax = 2_000

// newTally is for a client that connects after that many records.
func newTally(lanes, after int64) *tally {
	tally := &tally{lanes: lanes, last: make([]int64, lanes)}
	for lane := range lanes {
		tally.last[lane] = after - ((after-lane)%lanes+lanes)%lanes
	}
	tally.stretch = after + 1
	return tally
}

// begin starts to count latencies, after a warm-up; records < 0: their number is not known.
func (t *tally) begin(warmup, records int64) {
	t.stretch += int64(t.latency.count) + warmup
	t.latency = histogram{}
	t.arrivals = nil
	if records > 0 && records <= arrivalsMax {
		t.arrivals = make([]uint32, records)
	}
}

func (t *tally) record(value []byte, nowMicros int64) error {
	sequence, stampMicros, err := parseRecord(value)
	if err != nil {
		return err
	}
	lane := sequence % t.lanes
	if expected := t.last[lane] + t.lanes; sequence != expected {
		return fmt.Errorf("record %d came where %d was due (lane %d)", sequence, expected, lane)
	}
	t.last[lane] = sequence
	t.received++
	t.valueBytes += int64(len(value))
	if sequence >= t.stretch {
		t.late(sequence-t.stretch, nowMicros-stampMicros)
	}
	return nil
}

func (t *tally) late(index, micros int64) {
	t.latency.add(micros)
	if index < int64(len(t.arrivals)) {
		t.arrivals[index] = uint32(min(max(micros, 1), math.MaxUint32))
	}
}
