package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// fleet is all clients of a run. It tells its observers when every client is connected, has its warm-up and has all.
type fleet struct {
	settings settings
	newOne   func(index int) *client
	clients  []*client
	reading  sync.WaitGroup
	warm     countdown
	complete countdown
	finished atomic.Bool
	failures failures
}

// dialsAtOnce bounds the connects in progress, so that they queue here and not in the server's accept queue.
const dialsAtOnce = 32

// grow connects clients until there are `size` of them; who cannot connect is a failure.
func (f *fleet) grow(size int) {
	turns := make(chan struct{}, dialsAtOnce)
	var connecting sync.WaitGroup
	for index := len(f.clients); index < size; index++ {
		one := f.newOne(index)
		one.events.deliver = f.deliver(one)
		f.clients = append(f.clients, one)
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

// fail notes why a client is out, unless the run is over and it was the fleet that closed the connection.
func (f *fleet) fail(index int, err error) {
	if f.finished.Load() {
		return
	}
	f.failures.add(fmt.Sprintf("client %d: %v", index, err))
}

func (f *fleet) deliver(one *client) func([]byte) error {
	warm, all := f.settings.warmup, f.settings.warmup+f.settings.records
	return func(value []byte) error {
		if err := one.record(value); err != nil {
			return err
		}
		if one.tally.received == warm {
			f.warm.done()
		}
		if one.tally.received == all {
			f.complete.done()
		}
		if one.tally.received > all {
			return fmt.Errorf("record %d of %d", one.tally.received, all)
		}
		return nil
	}
}

// finish closes every connection and waits until nobody reads any more: what the clients hold is then at rest.
func (f *fleet) finish() {
	f.finished.Store(true)
	for _, one := range f.clients {
		one.close()
	}
	f.reading.Wait()
}

// countdown calls `zero` once, when `done` was called as often as there are clients.
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
