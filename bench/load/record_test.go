package main

import (
	"fmt"
	"strings"
	"testing"
)

func receive(lanes int64, sequences ...int64) error {
	tally := newTally(lanes, 0)
	for _, sequence := range sequences {
		if err := tally.record([]byte(fmt.Sprintf(`{"s":%d,"t":1000,"p":"x"}`, sequence)), 1500); err != nil {
			return err
		}
	}
	return nil
}

func TestLossRepetitionAndDisorderAreErrors(t *testing.T) {
	for name, run := range map[string]struct {
		lanes     int64
		sequences []int64
		fault     string
	}{
		"in order":               {1, []int64{1, 2, 3}, ""},
		"the first one lost":     {1, []int64{2}, "record 2 came where 1 was due"},
		"one lost":               {1, []int64{1, 3}, "record 3 came where 2 was due"},
		"one twice":              {1, []int64{1, 2, 2}, "record 2 came where 3 was due"},
		"two exchanged":          {1, []int64{1, 3, 2}, "record 3 came where 2 was due"},
		"lanes interleaved":      {3, []int64{3, 1, 4, 2, 6, 5}, ""},
		"lost inside a lane":     {3, []int64{1, 7}, "record 7 came where 4 was due (lane 1)"},
		"a lane's first lost":    {3, []int64{6}, "record 6 came where 3 was due (lane 0)"},
		"repeated inside a lane": {3, []int64{1, 2, 4, 4}, "record 4 came where 7 was due (lane 1)"},
	} {
		err := receive(run.lanes, run.sequences...)
		if (err == nil) != (run.fault == "") || (err != nil && !strings.HasPrefix(err.Error(), run.fault)) {
			t.Errorf("%s: %v, not %q", name, err, run.fault)
		}
	}
}

func TestWhoComesLaterExpectsWhatComesThen(t *testing.T) {
	for _, run := range []struct{ lanes, after, first int64 }{{1, 0, 1}, {1, 7, 8}, {3, 7, 8}, {3, 7, 9}, {3, 7, 10}} {
		tally := newTally(run.lanes, run.after)
		value := fmt.Sprintf(`{"s":%d,"t":1000,"p":"x"}`, run.first)
		if err := tally.record([]byte(value), 1500); err != nil || tally.latency.count != 1 {
			t.Errorf("%+v: %v", run, err)
		}
	}
	if newTally(3, 7).record([]byte(`{"s":7,"t":1000,"p":"x"}`), 1500) == nil {
		t.Error("one that came before passed")
	}
}

func TestWhatIsNoRecordIsAnError(t *testing.T) {
	for _, value := range []string{"", "{}", `{"s":0,"t":1,"p":""}`, `{"s":1,"t":1}`, `{"s":1,"t":,"p":"x"}`, `{"s":1,"t":1,"p":"x`} {
		if _, _, err := parseRecord([]byte(value)); err == nil {
			t.Errorf("%q passed", value)
		}
	}
}

func TestWarmUpIsCountedWithoutItsLatency(t *testing.T) {
	tally := newTally(1, 0)
	tally.begin(2, 3)
	for sequence := range int64(5) {
		value := fmt.Sprintf(`{"s":%d,"t":1000,"p":"x"}`, sequence+1)
		if err := tally.record([]byte(value), 1000+100*sequence); err != nil {
			t.Fatal(err)
		}
	}
	if tally.received != 5 || tally.latency.count != 3 || tally.latency.max != 400 {
		t.Errorf("received %d, latencies %d, max %d", tally.received, tally.latency.count, tally.latency.max)
	}
}
