package harness

import (
	"testing"
	"time"
)

func TestAValueIsExactlyAsLongAsOrdered(t *testing.T) {
	for _, sequence := range []int64{1, 99, 123_456_789} {
		value, err := encodeValue(sequence, 256, 1_234_567_890)
		if err != nil || len(value) != 256 {
			t.Errorf("record %d: %d bytes, %v", sequence, len(value), err)
		}
	}
	expected := `{"s":7,"t":42,"p":"xx"}`
	if value, err := encodeValue(7, len(expected), 42); value != expected {
		t.Errorf("%s, not %s (%v)", value, expected, err)
	}
	if _, err := encodeValue(1, 10, 1); err == nil {
		t.Error("a value without room for number and stamp passed")
	}
}

func TestEachKeyHasOneRecordInAPeriod(t *testing.T) {
	order := order{Keys: 10, Stride: 7}
	seen := map[string]int64{}
	for sequence := range order.Keys {
		seen[order.keyOf(sequence+1)]++
	}
	if len(seen) != 10 || order.keyOf(4) != "key-8" || order.keyOf(14) != "key-8" {
		t.Errorf("%v, %s", seen, order.keyOf(4))
	}
}

func TestRecordsAreDueAtTheirShareOfASecond(t *testing.T) {
	order := order{First: 5, Count: 40, RatePerSecond: 20}
	for elapsed, expected := range map[time.Duration]int64{
		0: 1, 49_999 * time.Microsecond: 1, 50 * time.Millisecond: 2, 999_999 * time.Microsecond: 20, time.Minute: 40,
	} {
		if due := order.due(elapsed); due != expected {
			t.Errorf("after %v: %d, not %d", elapsed, due, expected)
		}
	}
	for done := range order.Count {
		if at := order.dueAfter(done); order.due(at) != done+1 || (done > 0 && order.due(at-time.Microsecond) != done) {
			t.Errorf("record %d is not due from %v", done, at)
		}
	}
}

func TestEachRecordIsPublishedOnceInOrderAndNoneEarly(t *testing.T) {
	order := order{First: 5, Count: 20, RatePerSecond: 1_000}
	start := time.Now()
	next := order.First
	err := order.pace(func(sequence int64) error {
		if sequence != next {
			t.Errorf("record %d where %d was due", sequence, next)
		}
		if early := order.dueAfter(sequence-order.First) - time.Since(start); early > 0 {
			t.Errorf("record %d came %v early", sequence, early)
		}
		next++
		return nil
	})
	if err != nil || next != order.First+order.Count {
		t.Errorf("%d records, %v", next-order.First, err)
	}
}
