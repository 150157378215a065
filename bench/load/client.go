package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// client is one stream on a TLS connection of its own, over HTTP/2 with the settings that Chromium sends. It frames
// the protocol itself: a general transport would cost several times the CPU, on a machine that is shared with the
// server under test.
type client struct {
	target *url.URL
	token  string
	tls    *tls.Config
	clock  *clock
	tally  *tally
	events eventReader

	conn       net.Conn
	framer     *http2.Framer
	windowSize uint32
	unacked    uint32 // Bytes received whose window was not given back yet.
	nowMicros  int64  // When the bytes at hand were read.

	dialedAtMicros    int64
	requestedAtMicros int64
	respondedAtMicros int64
	firstAtMicros     int64
	lastAtMicros      int64
}

const (
	connectionWindowBytes = 15 << 20
	initialWindowBytes    = 65_535
	headerTableBytes      = 65_536
	connectTimeout        = 30 * time.Second
	streamID              = 1
)

var errEnded = errors.New("the server ended the stream")

// connect returns when the response's headers have come and are 200.
func (c *client) connect(ctx context.Context) error {
	c.dialedAtMicros = c.clock.nowMicros()
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: connectTimeout}, Config: c.tls}
	conn, err := dialer.DialContext(ctx, "tcp", c.target.Host)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn = conn
	if err := conn.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return err
	}
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

// readAll returns when the stream ends, which is an error: nobody ends a stream of the bench but the bench.
func (c *client) readAll() error {
	for {
		if err := c.readFrame(); err != nil {
			return err
		}
	}
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close() // The server learns of it by the closed socket; there is nothing to save here.
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
			StreamID: streamID, BlockFragment: c.headers(), EndStream: true, EndHeaders: true,
		}),
	)
	if err != nil {
		return err
	}
	c.requestedAtMicros = c.clock.nowMicros()
	_, err = c.conn.Write(out.Bytes())
	return err
}

func (c *client) headers() []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: "GET"},
		{Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: c.target.Host},
		{Name: ":path", Value: c.target.RequestURI()},
		{Name: "accept", Value: "text/event-stream"},
		{Name: "cache-control", Value: "no-cache"},
		{Name: "authorization", Value: "Bearer " + c.token, Sensitive: true},
	} {
		_ = encoder.WriteField(field) // Writes into a bytes.Buffer, which never fails.
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
		return fmt.Errorf("the server reset the stream: %v", frame.ErrCode)
	case *http2.GoAwayFrame:
		if frame.ErrCode != http2.ErrCodeNo || frame.LastStreamID < streamID {
			return fmt.Errorf("the server sent GOAWAY: %v", frame.ErrCode)
		}
	}
	return nil
}

func (c *client) readHeaders(frame *http2.MetaHeadersFrame) error {
	if status := frame.PseudoValue("status"); status != "200" {
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
	if err := c.events.read(frame.Data()); err != nil {
		return err
	}
	if frame.StreamEnded() {
		return errEnded
	}
	c.unacked += frame.Length
	if c.unacked < c.windowSize/2 {
		return nil
	}
	returned := c.unacked
	c.unacked = 0
	return errors.Join(c.framer.WriteWindowUpdate(0, returned), c.framer.WriteWindowUpdate(streamID, returned))
}

func (c *client) record(value []byte) error {
	if c.firstAtMicros == 0 {
		c.firstAtMicros = c.nowMicros
	}
	c.lastAtMicros = c.nowMicros
	return c.tally.record(value, c.nowMicros)
}
