package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// churn connects a number of clients at a time, as fast as the server answers. Each takes its first bytes and leaves.
type churn struct {
	settings  settings
	clock     *clock
	workers   sync.WaitGroup
	next      atomic.Int64
	failures  failures
	lock      sync.Mutex
	firstByte histogram
	cancel    context.CancelFunc
	startedAt int64
}

type churnResult struct {
	Event         string    `json:"event"`
	Connects      int64     `json:"connects"`
	ElapsedMicros int64     `json:"elapsedMicros"`
	FirstByte     quantiles `json:"firstByteMicros"`
	FailureCount  int       `json:"failureCount"`
	Failures      []string  `json:"failures"`
}

func newChurn(settings settings, clock *clock, events *eventWriter) *churn {
	return &churn{settings: settings, clock: clock, failures: failures{first: events.failed}}
}

func (c *churn) start() {
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(context.Background())
	c.startedAt = c.clock.nowMicros()
	for range c.settings.churn {
		c.workers.Add(1)
		go func() {
			defer c.workers.Done()
			for ctx.Err() == nil {
				c.visit(ctx)
			}
		}()
	}
}

// visit counts once the first bytes have come. A client that is still connecting when the run ends does not count.
func (c *churn) visit(ctx context.Context) {
	index := c.next.Add(1) - 1
	one := newClient(c.settings, c.clock, c.settings.token(int(index)))
	one.events.deliver = func([]byte) error { return nil }
	defer one.close()
	err := one.connect(ctx)
	if err == nil {
		err = one.readFirst(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.failures.add(fmt.Sprintf("connect %d: %v", index, err))
	default:
		c.lock.Lock()
		defer c.lock.Unlock()
		c.firstByte.add(one.bytesAtMicros - one.dialedAtMicros)
	}
}

// readFirst returns once the stream's first bytes have come.
func (c *client) readFirst(ctx context.Context) error {
	if err := c.conn.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.close)()
	for c.bytesAtMicros == 0 {
		if err := c.readFrame(); err != nil {
			return err
		}
	}
	return nil
}

func (c *churn) finish() any {
	elapsed := c.clock.nowMicros() - c.startedAt
	c.cancel()
	c.workers.Wait()
	return churnResult{
		Event: "result", Connects: c.firstByte.count, ElapsedMicros: elapsed, FirstByte: c.firstByte.quantiles(),
		FailureCount: c.failures.count, Failures: c.failures.reasons,
	}
}
