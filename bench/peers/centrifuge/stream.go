package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
)

// eventStream is a unidirectional transport of Centrifuge. It makes events of what a client's writer hands over:
// their data is the publication's, without the push around it. It writes in the writer's goroutine; its handler only
// waits.
type eventStream struct {
	protocolMajor int
	control       *http.ResponseController
	done          chan struct{}

	lock     sync.Mutex // Held while something is written: nothing may be after the handler has returned.
	response http.ResponseWriter
	events   []byte
	closed   bool
}

// Pushes that are no records of the bench are not requested.
const pushesLeftOut = centrifuge.PushFlagConnect | centrifuge.PushFlagDisconnect | centrifuge.PushFlagSubscribe |
	centrifuge.PushFlagJoin | centrifuge.PushFlagLeave | centrifuge.PushFlagUnsubscribe | centrifuge.PushFlagMessage

// streamEvents answers with a stream once its client is subscribed, so that the client gets all later publications.
func streamEvents(node *centrifuge.Node) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		stream := &eventStream{
			protocolMajor: request.ProtoMajor,
			control:       http.NewResponseController(response),
			done:          make(chan struct{}),
			response:      response,
		}
		response.Header().Set("Content-Type", "text/event-stream")
		response.Header().Set("Cache-Control", "no-cache")
		client, closeClient, err := centrifuge.NewClient(request.Context(), node, stream)
		if err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
			return
		}
		defer func() { _ = closeClient() }() // also closes the stream, and waits for its last write
		if err := client.ConnectNoErrorToDisconnect(centrifuge.ConnectRequest{}); err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := stream.send([]byte(":\n\n")); err != nil {
			return
		}
		select {
		case <-request.Context().Done():
		case <-stream.done:
		}
	})
}

func (s *eventStream) Write(push []byte) error { return s.WriteMany(push) }

// WriteMany makes one write and one flush of all pushes that the client's writer has collected.
func (s *eventStream) WriteMany(pushes ...[]byte) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.events = s.events[:0]
	for _, push := range pushes {
		var err error
		if s.events, err = appendEvent(s.events, push); err != nil {
			return err
		}
	}
	return s.write(s.events)
}

func (s *eventStream) send(text []byte) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.write(text)
}

func (s *eventStream) write(text []byte) error {
	if s.closed {
		return net.ErrClosed
	}
	if _, err := s.response.Write(text); err != nil {
		return err
	}
	return s.control.Flush()
}

// Close ends a write that waits for a client that does not read.
func (s *eventStream) Close(centrifuge.Disconnect) error {
	err := s.control.SetWriteDeadline(time.Now())
	s.lock.Lock()
	defer s.lock.Unlock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	return err
}

var (
	pushPrefix = []byte(`{"channel":"`)
	dataPrefix = []byte(`","pub":{"data":`)
	pushSuffix = []byte(`}}`)
	keyPrefix  = []byte("key-")
	ping       = []byte(`{}`)
)

// appendEvent takes a publication out of its push. Here Centrifuge gives it one form: only channel and data. The
// channel is the one of all, or one of a key.
func appendEvent(events, push []byte) ([]byte, error) {
	if bytes.Equal(push, ping) {
		return append(events, ":\n\n"...), nil
	}
	rest, isPush := bytes.CutPrefix(push, pushPrefix)
	name, data, isPublication := bytes.Cut(rest, dataPrefix)
	data, isWhole := bytes.CutSuffix(data, pushSuffix)
	isOurs := string(name) == channel || bytes.HasPrefix(name, keyPrefix)
	if !isPush || !isPublication || !isWhole || !isOurs {
		return nil, fmt.Errorf("a push that is no publication of the bench: %.80q", push)
	}
	events = append(append(events, "data:"...), data...)
	return append(events, "\n\n"...), nil
}

func (s *eventStream) Name() string                      { return "event-stream" }
func (s *eventStream) AcceptProtocol() string            { return fmt.Sprintf("h%d", s.protocolMajor) }
func (s *eventStream) Protocol() centrifuge.ProtocolType { return centrifuge.ProtocolTypeJSON }
func (s *eventStream) ProtocolVersion() centrifuge.ProtocolVersion {
	return centrifuge.ProtocolVersion2
}
func (s *eventStream) Unidirectional() bool                      { return true }
func (s *eventStream) Emulation() bool                           { return false }
func (s *eventStream) DisabledPushFlags() uint64                 { return pushesLeftOut }
func (s *eventStream) PingPongConfig() centrifuge.PingPongConfig { return centrifuge.PingPongConfig{} }
