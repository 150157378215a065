package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// opener is one client that opens and closes streams at a rate, all on one connection. It resets each as soon as it is
// answered. If the server ends the connection because of that, the client comes back with another one.
type opener struct {
	settings    settings
	clock       *clock
	running     sync.WaitGroup
	cancel      context.CancelFunc
	startedAt   int64
	lock        sync.Mutex
	opened      int64
	answered    int64
	connections int64
}

type openerResult struct {
	Event         string `json:"event"`
	Opened        int64  `json:"opened"`
	Answered      int64  `json:"answered"`
	Connections   int64  `json:"connections"`
	ElapsedMicros int64  `json:"elapsedMicros"`
}

func newOpener(settings settings, clock *clock) *opener {
	return &opener{settings: settings, clock: clock}
}

func (o *opener) start() {
	var ctx context.Context
	ctx, o.cancel = context.WithCancel(context.Background())
	o.startedAt = o.clock.nowMicros()
	o.running.Add(1)
	go func() {
		defer o.running.Done()
		for ctx.Err() == nil {
			o.hold(ctx)
		}
	}()
}

// hold opens streams on one connection until the server ends it.
func (o *opener) hold(ctx context.Context) {
	one := newClient(o.settings, o.clock, o.settings.token(0))
	defer one.close()
	one.events.deliver = func([]byte) error { return nil }
	if one.connect(ctx) != nil || one.conn.SetDeadline(time.Time{}) != nil {
		pause(ctx)
		return
	}
	o.connections++
	defer context.AfterFunc(ctx, one.close)()
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		o.readAll(one)
	}()
	o.openAll(ctx, one, reading)
	one.close()
	<-reading
}

// openAll opens the streams that are due, and no others, until the connection has ended.
func (o *opener) openAll(ctx context.Context, one *client, gone <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	beganAt := o.clock.nowMicros()
	for opened := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-gone:
			return
		case <-tick.C:
		}
		due := (o.clock.nowMicros() - beganAt) * int64(o.settings.openings) / second
		for ; opened < due; opened++ {
			if o.open(one, streamID+2+2*uint32(opened)) != nil {
				return
			}
			o.opened++
		}
	}
}

func (o *opener) open(one *client, id uint32) error {
	o.lock.Lock()
	defer o.lock.Unlock()
	return one.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: one.headers("GET", one.token), EndStream: true, EndHeaders: true,
	})
}

// readAll resets every answered stream except the first, and returns when the connection has ended.
func (o *opener) readAll(one *client) {
	for {
		frame, err := one.framer.ReadFrame()
		if err != nil || o.answer(one, frame) != nil {
			return
		}
	}
}

func (o *opener) answer(one *client, frame http2.Frame) error {
	o.lock.Lock()
	defer o.lock.Unlock()
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		o.answered++
		return one.framer.WriteRSTStream(frame.StreamID, http2.ErrCodeCancel)
	case *http2.DataFrame:
		return giveBack(one, frame)
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return one.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			return one.framer.WritePing(true, frame.Data)
		}
	case *http2.GoAwayFrame:
		return errors.New("the server has enough")
	}
	return nil
}

// giveBack keeps the window of the connection open for closed streams, and the window of the first stream.
func giveBack(one *client, frame *http2.DataFrame) error {
	one.unacked += frame.Length
	if one.unacked < one.windowSize/2 {
		return nil
	}
	returned := one.unacked
	one.unacked = 0
	return errors.Join(one.framer.WriteWindowUpdate(0, returned), one.framer.WriteWindowUpdate(streamID, returned))
}

// pause waits after a refused connection.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

func (o *opener) finish() any {
	elapsed := o.clock.nowMicros() - o.startedAt
	o.cancel()
	o.running.Wait()
	return openerResult{
		Event: "result", Opened: o.opened, Answered: o.answered, Connections: o.connections, ElapsedMicros: elapsed,
	}
}
