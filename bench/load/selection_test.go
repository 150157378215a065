package main

import (
	"fmt"
	"strings"
	"testing"
)

func selectKeys(t *testing.T, keys, stride int64, line string) *selection {
	t.Helper()
	space, err := newKeySpace(keys, stride)
	if err != nil {
		t.Fatal(err)
	}
	own, err := space.parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return own
}

func TestASelectionHasTheRecordsOfItsKeys(t *testing.T) {
	const keys, stride, last = 10, 7, 45
	own := selectKeys(t, keys, stride, "3,8,0")
	var records []int64
	for record := int64(1); record <= last; record++ {
		if key := record * stride % keys; key == 3 || key == 8 || key == 0 {
			records = append(records, record)
		}
	}
	at := int64(0)
	for record := int64(1); record <= last; record++ {
		isOwn := at < int64(len(records)) && records[at] == record
		if next := own.next(record - 1); at < int64(len(records)) && next != records[at] {
			t.Errorf("after %d comes %d, not %d", record-1, next, records[at])
		}
		if isOwn {
			at++
		}
		if own.has(record) != isOwn || own.count(record) != at {
			t.Errorf("record %d: %v, %d up to it, not %v, %d", record, own.has(record), own.count(record), isOwn, at)
		}
	}
}

func TestKeysThatAreNoneAreErrors(t *testing.T) {
	space, err := newKeySpace(10, 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"", "x", "-1", "10", "1,", "1,1"} {
		if _, err := space.parse(line); err == nil {
			t.Errorf("%q passed", line)
		}
	}
	if _, err := newKeySpace(10, 5); err == nil {
		t.Error("a stride with which only every second key has records passed")
	}
}

func TestAnythingButItsOwnOnceAndInOrderIsAnError(t *testing.T) {
	// With 10 keys and a stride of 7, the records of the keys 3 and 8 are 9 and 4, 19 and 14, 29 and 24.
	for name, run := range map[string]struct {
		after     int64
		sequences []int64
		fault     string
	}{
		"its own":                 {0, []int64{4, 9, 14, 19, 24}, ""},
		"its own from there on":   {9, []int64{14, 19}, ""},
		"one of another's key":    {0, []int64{4, 5}, "record 5 has a key that the client did not select"},
		"the first one lost":      {0, []int64{9}, "record 9 came where 4 was due"},
		"one lost":                {0, []int64{4, 14}, "record 14 came where 9 was due"},
		"one twice":               {0, []int64{4, 4}, "record 4 came where 9 was due"},
		"two exchanged":           {4, []int64{14, 9}, "record 14 came where 9 was due"},
		"one that came before it": {9, []int64{9}, "record 9 came where 14 was due"},
	} {
		tally := newOwnTally(selectKeys(t, 10, 7, "3,8"), run.after)
		var err error
		for _, sequence := range run.sequences {
			if err = tally.record([]byte(fmt.Sprintf(`{"s":%d,"t":1000,"p":"x"}`, sequence)), 1500); err != nil {
				break
			}
		}
		if (err == nil) != (run.fault == "") || (err != nil && !strings.HasPrefix(err.Error(), run.fault)) {
			t.Errorf("%s: %v, not %q", name, err, run.fault)
		}
	}
}

func TestAClientIsOwedItsOwnOfWhatIsAnnounced(t *testing.T) {
	tally := newOwnTally(selectKeys(t, 10, 7, "3,8"), 4)
	tally.begin(10, 10)
	if owed := tally.owed.Load(); tally.warm != 2 || owed != 4 {
		t.Errorf("owed %d, %d of them in the warm-up", owed, tally.warm)
	}
	for _, sequence := range []int64{9, 14, 19, 24} {
		if err := tally.record([]byte(fmt.Sprintf(`{"s":%d,"t":1000,"p":"x"}`, sequence)), 1500); err != nil {
			t.Fatal(err)
		}
	}
	if tally.latency.count != 2 {
		t.Errorf("%d latencies count", tally.latency.count)
	}
	tally.begin(0, 4)
	if owed := tally.owed.Load(); owed != 4 {
		t.Errorf("owed %d, although none of the four further records is its own", owed)
	}
}
