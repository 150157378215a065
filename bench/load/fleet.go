package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// fleet has all clients of a run. It tells its observers when every client is connected, has its warm-up, and has all
// records.
type fleet struct {
	settings  settings
	clock     *clock
	clients   []*client
	reading   sync.WaitGroup
	expected  atomic.Int64 // Records that each client is to have.
	warm      countdown
	complete  countdown
	measuring atomic.Bool
	finished  atomic.Bool
	failures  failures
}

// dialsAtOnce bounds the connects in progress, so that they queue here and not in the server's accept queue.
const dialsAtOnce = 32

func newFleet(settings settings, clock *clock, events *eventWriter) *fleet {
	fleet := &fleet{settings: settings, clock: clock}
	size := int64(settings.steps[len(settings.steps)-1])
	fleet.warm.zero = func() { events.write(map[string]any{"event": "warm", "atMicros": clock.nowMicros()}) }
	fleet.complete.zero = func() { events.write(map[string]any{"event": "complete", "atMicros": clock.nowMicros()}) }
	fleet.failures.first = events.failed
	fleet.warm.left.Store(size)
	fleet.complete.left.Store(size)
	fleet.expected.Store(settings.expected())
	return fleet
}

func (f *fleet) newClient(index int) (*client, error) {
	one := newClient(f.settings, f.clock, f.settings.token(index))
	one.measuring = &f.measuring
	one.tally = newTally(f.settings.lanes, f.settings.after)
	one.tally.begin(f.settings.warmup, f.settings.records)
	one.events.deliver = f.deliver(one)
	if index >= len(f.settings.renewals) {
		return one, nil
	}
	var err error
	one.renewal, err = newRenewal(one.token, f.settings.renewals[index], f.settings.challengeAhead)
	return one, err
}

// grow connects clients until there are `size` of them. A client that cannot connect is a failure.
func (f *fleet) grow(size int) {
	turns := make(chan struct{}, dialsAtOnce)
	var connecting sync.WaitGroup
	for index := len(f.clients); index < size; index++ {
		one, err := f.newClient(index)
		f.clients = append(f.clients, one)
		if err != nil {
			f.fail(index, err)
			continue
		}
		turns <- struct{}{}
		connecting.Add(1)
		go func() {
			defer func() { <-turns; connecting.Done() }()
			f.start(index, one)
		}()
	}
	connecting.Wait()
}

func (f *fleet) start(index int, one *client) {
	if err := one.connect(context.Background()); err != nil {
		f.fail(index, err)
		one.close()
		return
	}
	f.reading.Add(1)
	go func() {
		defer f.reading.Done()
		f.fail(index, one.readAll())
		one.close()
	}()
}

// fail notes why a client has ended, unless the fleet itself closed the connection at the end of the run.
func (f *fleet) fail(index int, err error) {
	if f.finished.Load() {
		return
	}
	f.failures.add(fmt.Sprintf("client %d: %v", index, err))
}

func (f *fleet) deliver(one *client) func([]byte) error {
	warm := f.settings.warmup
	return func(value []byte) error {
		if err := one.record(value); err != nil {
			return err
		}
		all := f.expected.Load()
		if one.tally.received <= all {
			one.lastAtMicros = one.nowMicros // what comes besides does not hold it up
		}
		if one.tally.received == warm {
			f.warm.done()
		}
		if one.tally.received == all {
			f.complete.done()
		}
		if one.tally.received > all && !f.settings.further {
			return fmt.Errorf("record %d of %d", one.tally.received, all)
		}
		return nil
	}
}

// more makes every client expect that many further records. All have the expected ones by now, so no client reads a
// record meanwhile.
func (f *fleet) more(count int64) stretch {
	out := f.stretch()
	for _, one := range f.clients {
		one.tally.begin(0, count)
	}
	f.complete.left.Store(int64(len(f.clients)))
	f.expected.Add(count)
	return out
}

// finish closes every connection and waits until no client reads, so that what they hold does not change any more.
func (f *fleet) finish() {
	f.finished.Store(true)
	for _, one := range f.clients {
		one.close()
	}
	f.reading.Wait()
}

// countdown calls `zero` once, when `done` has been called once for each client.
type countdown struct {
	left atomic.Int64
	zero func()
}

func (c *countdown) done() {
	if c.left.Add(-1) == 0 {
		c.zero()
	}
}

// failures keeps the first few reasons and counts the rest.
type failures struct {
	lock    sync.Mutex
	count   int
	reasons []string
	first   func(reason string)
}

const reasonsKept = 5

func (f *failures) add(reason string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.count++
	if f.count == 1 {
		f.first(reason)
	}
	if f.count <= reasonsKept {
		f.reasons = append(f.reasons, reason)
	}
}
