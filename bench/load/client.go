package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// client is one stream on a TLS connection of its own, over HTTP/2 with Chromium's settings. It does the framing
// itself, because a general transport would cost several times the CPU, on a machine that it shares with the server.
type client struct {
	target    *url.URL
	token     string
	tls       *tls.Config
	clock     *clock
	tally     *tally
	events    eventReader
	renewal   *renewal
	silence   *silence
	measuring *atomic.Bool
	readRate  int64
	done      chan struct{} // Closed once the client has what it waits for, if clients connect one by one.
	doneBy    string        // See settings.oneByOne.

	conn       net.Conn
	framer     *http2.Framer
	windowSize uint32
	unacked    uint32 // Bytes received whose window was not given back yet.
	nowMicros  int64  // When the bytes at hand were read.

	dialedAtMicros    int64
	requestedAtMicros int64
	respondedAtMicros int64
	bytesAtMicros     int64 // When the first bytes of the stream came.
	firstAtMicros     int64
	lastAtMicros      int64
	readyAtMicros     int64 // When the event `ready` came.
}

const (
	connectionWindowBytes = 15 << 20
	initialWindowBytes    = 65_535
	headerTableBytes      = 65_536
	connectTimeout        = 30 * time.Second
	streamID              = 1
)

var errEnded = errors.New("the server ended the stream")

func newClient(settings settings, clock *clock, token string) *client {
	one := &client{
		target: settings.target, token: token, tls: settings.tls, clock: clock,
		windowSize: settings.windowSize, readRate: settings.readRate, doneBy: settings.oneByOne,
	}
	if settings.heartbeatEvery > 0 {
		one.silence = &silence{dueMicros: settings.heartbeatEvery}
	}
	one.events.signal = one.signal
	return one
}

// connect returns when the response's headers have come and are 200.
func (c *client) connect(ctx context.Context) error {
	c.dialedAtMicros = c.clock.nowMicros()
	conn, err := c.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn = conn
	if err := c.request(); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	for c.respondedAtMicros == 0 {
		if err := c.readFrame(); err != nil {
			return fmt.Errorf("response: %w", err)
		}
	}
	return conn.SetDeadline(time.Time{})
}

// dial sets a deadline on the connection, which also holds for the answer.
func (c *client) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", c.target.Host)
	if err != nil {
		return nil, err
	}
	if c.readRate > 0 {
		conn = &slowConn{Conn: conn, bytesPerSecond: c.readRate}
	}
	secure := tls.Client(conn, c.tls)
	if err := secure.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return nil, err
	}
	return secure, secure.HandshakeContext(ctx)
}

// readAll returns when the stream ends. That is an error, because only the bench may end its streams.
func (c *client) readAll() error {
	for {
		if err := c.readFrame(); err != nil {
			return err
		}
	}
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close() // the server sees the closed socket, and nothing is left to do here
	}
}

// request sends preface, settings, window and GET in one write.
func (c *client) request() error {
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	c.framer = http2.NewFramer(c.conn, c.conn)
	c.framer.SetReuseFrames()
	c.framer.ReadMetaHeaders = hpack.NewDecoder(headerTableBytes, nil)
	err := errors.Join(
		framer.WriteSettings(
			http2.Setting{ID: http2.SettingHeaderTableSize, Val: headerTableBytes},
			http2.Setting{ID: http2.SettingEnablePush, Val: 0},
			http2.Setting{ID: http2.SettingInitialWindowSize, Val: c.windowSize},
			http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 262_144},
		),
		framer.WriteWindowUpdate(0, connectionWindowBytes-initialWindowBytes),
		framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: streamID, BlockFragment: c.headers("GET", c.token), EndStream: true, EndHeaders: true,
		}),
	)
	if err != nil {
		return err
	}
	c.requestedAtMicros = c.clock.nowMicros()
	_, err = c.conn.Write(out.Bytes())
	return err
}

func (c *client) headers(method, token string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	if c.respondedAtMicros > 0 {
		encoder.SetMaxDynamicTableSize(0) // the server has told its limit by now, which may be 0
	}
	fields := []hpack.HeaderField{
		{Name: ":method", Value: method},
		{Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: c.target.Host},
		{Name: ":path", Value: c.target.RequestURI()},
		{Name: "authorization", Value: "Bearer " + token, Sensitive: true},
	}
	if method == "POST" {
		fields = append(fields, hpack.HeaderField{Name: "content-type", Value: challengeResponse})
	} else {
		fields = append(fields,
			hpack.HeaderField{Name: "accept", Value: "text/event-stream"},
			hpack.HeaderField{Name: "cache-control", Value: "no-cache"})
	}
	for _, field := range fields {
		_ = encoder.WriteField(field) // a write into a bytes.Buffer never fails
	}
	return block.Bytes()
}

func (c *client) readFrame() error {
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch frame := frame.(type) {
	case *http2.DataFrame:
		return c.readData(frame)
	case *http2.MetaHeadersFrame:
		return c.readHeaders(frame)
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			return c.framer.WritePing(true, frame.Data)
		}
	case *http2.RSTStreamFrame:
		if frame.StreamID == streamID || frame.ErrCode != http2.ErrCodeNo {
			return fmt.Errorf("the server reset the stream: %v", frame.ErrCode)
		}
	case *http2.GoAwayFrame:
		if frame.ErrCode != http2.ErrCodeNo || frame.LastStreamID < streamID {
			return fmt.Errorf("the server sent GOAWAY: %v", frame.ErrCode)
		}
	}
	return nil
}

func (c *client) readHeaders(frame *http2.MetaHeadersFrame) error {
	status := frame.PseudoValue("status")
	if frame.StreamID != streamID {
		return c.renewal.answered(status, c.clock.nowMicros())
	}
	if status != "200" {
		return fmt.Errorf("status %s", status)
	}
	if frame.StreamEnded() {
		return errEnded
	}
	c.respondedAtMicros = c.clock.nowMicros()
	return nil
}

func (c *client) readData(frame *http2.DataFrame) error {
	c.nowMicros = c.clock.nowMicros()
	if frame.StreamID == streamID {
		if err := c.readStream(frame); err != nil {
			return err
		}
	}
	c.unacked += frame.Length
	if c.unacked < c.windowSize/2 {
		return nil
	}
	returned := c.unacked
	c.unacked = 0
	return errors.Join(c.framer.WriteWindowUpdate(0, returned), c.framer.WriteWindowUpdate(streamID, returned))
}

func (c *client) readStream(frame *http2.DataFrame) error {
	if c.bytesAtMicros == 0 {
		c.bytesAtMicros = c.nowMicros
	}
	if c.silence != nil {
		c.silence.broken(c.nowMicros, c.measuring.Load())
	}
	if err := c.events.read(frame.Data()); err != nil {
		return err
	}
	if frame.StreamEnded() {
		return errEnded
	}
	return nil
}

func (c *client) record(value []byte) error {
	if c.firstAtMicros == 0 {
		c.firstAtMicros = c.nowMicros
	}
	return c.tally.record(value, c.nowMicros)
}

// has ends the wait of the next client, if it waits for that.
func (c *client) has(what string) {
	if c.doneBy == what {
		c.doneBy = ""
		close(c.done)
	}
}

// signal gets the events that are no records.
func (c *client) signal(name string) error {
	if name == "ready" && c.readyAtMicros == 0 {
		c.readyAtMicros = c.nowMicros
		c.has("ready")
	}
	if name != "challenge" {
		return nil
	}
	if c.renewal == nil {
		return errors.New("a challenge before its time")
	}
	if err := c.renewal.challenged(c.clock.epochMicros(c.nowMicros)); err != nil {
		return err
	}
	c.renewal.postedAtMicros = c.clock.nowMicros()
	return c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: renewalStreamID, BlockFragment: c.headers("POST", c.renewal.token), EndStream: true, EndHeaders: true,
	})
}
