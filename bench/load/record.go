package main

import (
	"bytes"
	"fmt"
	"math"
	"sync/atomic"
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
// partitions): record s is in lane s mod lanes, and inside a lane none may be missing, repeated or out of order. A
// client that selects gets its own records in one lane, and no others.
type tally struct {
	lanes      int64
	last       []int64
	own        *selection // nil for a client that gets every record.
	after      int64      // Records that came before the client.
	announced  int64      // The last record that the client knows of.
	warm       int64      // Records of the client before those whose latency counts.
	owed       atomic.Int64
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
	tally.after, tally.announced = after, after
	return tally
}

// newOwnTally is for a client that selects, and connects after that many records.
func newOwnTally(own *selection, after int64) *tally {
	return &tally{lanes: 1, last: []int64{after}, own: own, after: after, announced: after}
}

// begin announces records, and starts to count latencies after a warm-up; records < 0: their number is not known.
func (t *tally) begin(warmup, records int64) {
	t.warm = t.count(t.announced + warmup)
	t.stretch = t.announced + warmup + 1
	t.announced += warmup + max(records, 0)
	t.latency = histogram{}
	t.arrivals = nil
	if records > 0 && records <= arrivalsMax && t.own == nil {
		t.arrivals = make([]uint32, records)
	}
	if records < 0 {
		t.owed.Store(math.MaxInt64)
		return
	}
	t.owed.Store(t.count(t.announced))
}

// count is how many of the client's records there are up to that one.
func (t *tally) count(through int64) int64 {
	if t.own == nil {
		return through - t.after
	}
	return t.own.count(through) - t.own.count(t.after)
}

func (t *tally) record(value []byte, nowMicros int64) error {
	sequence, stampMicros, err := parseRecord(value)
	if err != nil {
		return err
	}
	if err := t.check(sequence); err != nil {
		return err
	}
	t.received++
	t.valueBytes += int64(len(value))
	if sequence >= t.stretch {
		t.late(sequence-t.stretch, nowMicros-stampMicros)
	}
	return nil
}

func (t *tally) check(sequence int64) error {
	lane := sequence % t.lanes
	expected := t.last[lane] + t.lanes
	if t.own != nil {
		if !t.own.has(sequence) {
			return fmt.Errorf("record %d has a key that the client did not select", sequence)
		}
		expected = t.own.next(t.last[lane])
	}
	if sequence != expected {
		return fmt.Errorf("record %d came where %d was due (lane %d)", sequence, expected, lane)
	}
	t.last[lane] = sequence
	return nil
}

func (t *tally) late(index, micros int64) {
	t.latency.add(micros)
	if index < int64(len(t.arrivals)) {
		t.arrivals[index] = uint32(min(max(micros, 1), math.MaxUint32))
	}
}
