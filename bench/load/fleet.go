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
	announced int64 // The last record that the clients know of.
	warm      countdown
	complete  countdown
	measuring atomic.Bool
	finished  atomic.Bool
	failures  failures
}

// dialsAtOnceMax bounds the connects in progress, so that they queue here and not in the server's accept queue.
const dialsAtOnceMax = 32

func newFleet(settings settings, clock *clock, events *eventWriter) *fleet {
	fleet := &fleet{settings: settings, clock: clock}
	size := int64(settings.steps[len(settings.steps)-1])
	fleet.warm.zero = func() { events.write(map[string]any{"event": "warm", "atMicros": clock.nowMicros()}) }
	fleet.complete.zero = func() { events.write(map[string]any{"event": "complete", "atMicros": clock.nowMicros()}) }
	fleet.failures.first = events.failed
	fleet.warm.left.Store(size)
	fleet.complete.left.Store(size)
	fleet.announced = settings.after + settings.warmup + max(settings.records, 0)
	return fleet
}

// newClient is for a client of the first step, or for one that connects once all that was announced has come.
func (f *fleet) newClient(index int, isFirst bool) (*client, error) {
	one := newClient(f.settings, f.clock, f.settings.token(index))
	one.measuring = &f.measuring
	one.done = make(chan struct{})
	after := f.announced
	if isFirst {
		after = f.settings.after
	}
	one.tally = newTally(f.settings.lanes, after)
	if len(f.settings.selections) > 0 {
		own := f.settings.selections[index%len(f.settings.selections)]
		one.target = f.settings.targetOf(own)
		one.tally = newOwnTally(own, after)
	}
	if isFirst {
		one.tally.begin(f.settings.warmup, f.settings.records)
		f.countDownAtOnce(one.tally)
	}
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
	dialsAtOnce := dialsAtOnceMax
	if f.settings.oneByOne != "" {
		dialsAtOnce = 1
	}
	turns := make(chan struct{}, dialsAtOnce)
	var connecting sync.WaitGroup
	isFirst := len(f.clients) == 0
	for index := len(f.clients); index < size; index++ {
		one, err := f.newClient(index, isFirst)
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
	ended := make(chan struct{})
	go func() {
		defer f.reading.Done()
		defer close(ended)
		f.fail(index, one.readAll())
		one.close()
	}()
	if f.settings.oneByOne != "" {
		select {
		case <-one.done:
		case <-ended:
		}
	}
}

// countDownAtOnce is for a client that selects and is owed nothing of what is announced.
func (f *fleet) countDownAtOnce(tally *tally) {
	if tally.own == nil || tally.announced == tally.after {
		return
	}
	if tally.warm == 0 && f.settings.warmup > 0 {
		f.warm.done()
	}
	if tally.owed.Load() == 0 {
		f.complete.done()
	}
}

// fail notes why a client has ended, unless the fleet itself closed the connection at the end of the run.
func (f *fleet) fail(index int, err error) {
	if f.finished.Load() {
		return
	}
	f.failures.add(fmt.Sprintf("client %d: %v", index, err))
}

func (f *fleet) deliver(one *client) func([]byte) error {
	return func(value []byte) error {
		all := one.tally.owed.Load()
		if err := one.record(value); err != nil {
			return err
		}
		if one.tally.received <= all {
			one.lastAtMicros = one.nowMicros // what comes besides does not hold it up
		}
		if one.tally.received == one.tally.warm {
			f.warm.done()
		}
		if one.tally.received == all {
			one.has("last")
			f.complete.done()
		}
		if one.tally.received > all && !f.settings.further {
			return fmt.Errorf("record %d of %d", one.tally.received, all)
		}
		return nil
	}
}

// more makes every client expect its part of that many further records. All have the expected ones by now, so no client
// reads a record meanwhile.
func (f *fleet) more(count int64) stretch {
	out := f.stretch()
	f.announced += count
	owed := int64(0)
	for _, one := range f.clients {
		if one.tally.count(one.tally.announced+count) > one.tally.received {
			owed++
		}
	}
	f.complete.left.Store(owed)
	for _, one := range f.clients {
		one.tally.begin(0, count)
	}
	if owed == 0 && count > 0 {
		f.complete.zero()
	}
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
