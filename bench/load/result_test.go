package main

import (
	"fmt"
	"testing"
)

func fleetThatReceived(t *testing.T, records int64, latencies ...[]int64) *fleet {
	t.Helper()
	clock, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	fleet := &fleet{clock: clock}
	for _, own := range latencies {
		one := &client{tally: newTally(1, 0)}
		one.tally.begin(0, records)
		for i, latency := range own {
			value := fmt.Sprintf(`{"s":%d,"t":1000,"p":"x"}`, i+1)
			if err := one.tally.record([]byte(value), 1000+latency); err != nil {
				t.Fatal(err)
			}
		}
		fleet.clients = append(fleet.clients, one)
	}
	return fleet
}

func TestTheLastClientIsToldForEachRecord(t *testing.T) {
	fleet := fleetThatReceived(t, 2, []int64{10, 20}, []int64{30, 5})
	if last := fleet.lastLatency(); last.Count != 2 || last.P50 != 30 || last.Max != 30 {
		t.Errorf("%+v", last)
	}
	fleet = fleetThatReceived(t, 2, []int64{10, 20}, []int64{30})
	if last := fleet.lastLatency(); last.Count != 0 {
		t.Errorf("somebody lacks a record: %+v", last)
	}
	fleet = fleetThatReceived(t, arrivalsMax+1, []int64{10})
	if last := fleet.lastLatency(); last.Count != 0 || fleet.clients[0].tally.arrivals != nil {
		t.Errorf("too many to be kept: %+v", last)
	}
}

func TestMoreCountsOnlyWhatComesFromThenOn(t *testing.T) {
	fleet := fleetThatReceived(t, 2, []int64{10, 20}, []int64{30, 5})
	if before := fleet.more(1); before.Latency.Count != 4 || before.LastLatency.Count != 2 {
		t.Errorf("%+v", before)
	}
	for _, one := range fleet.clients {
		if err := one.tally.record([]byte(`{"s":3,"t":1000,"p":"x"}`), 1007); err != nil {
			t.Fatal(err)
		}
	}
	if now := fleet.stretch(); now.Latency.Count != 2 || now.LastLatency.Max != 7 {
		t.Errorf("%+v", now)
	}
}

func TestWhatHasNotComeCountsAsLateAsItIs(t *testing.T) {
	fleet := fleetThatReceived(t, 1, nil, nil, nil)
	now := fleet.clock.nowMicros()
	epoch := fleet.clock.epochMicros(now)
	fleet.clients[0].renewal = &renewal{dueEpochMicros: epoch - 3*second}
	fleet.clients[1].renewal = &renewal{dueEpochMicros: epoch - 3*second, lateMicros: 5, postedAtMicros: now - 2*second}
	fleet.clients[2].renewal = &renewal{dueEpochMicros: epoch + 3*second}
	out := fleet.deadlines()
	if out.Unchallenged != 1 || out.ChallengeLate.Count != 2 || out.ChallengeLate.Max < 3*second {
		t.Errorf("%+v", out)
	}
	if out.Unanswered != 1 || out.Renewal.Count != 1 || out.Renewal.Max < 2*second {
		t.Errorf("%+v", out)
	}
}
