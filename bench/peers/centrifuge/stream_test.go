package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge"
)

func TestPublicationsComeAsEventsOfTheirOwnDataInOrder(t *testing.T) {
	node, lines := connectToStream(t)
	for i := range 50 {
		if _, err := node.Publish(channel, fmt.Appendf(nil, `{"s":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		if line, expected := nextData(t, lines), fmt.Sprintf(`data:{"s":%d}`, i); line != expected {
			t.Fatalf("%s, not %s", line, expected)
		}
	}
}

func TestAnythingButAPublicationOfTheBenchIsAnError(t *testing.T) {
	for _, push := range []string{
		`{"disconnect":{"code":3005}}`,
		`{"channel":"other","pub":{"data":{}}}`,
		`{"channel":"records","pub":{"data":{}`,
	} {
		if events, err := appendEvent(nil, []byte(push)); err == nil {
			t.Errorf("%s became %q", push, events)
		}
	}
	if events, err := appendEvent(nil, ping); string(events) != ":\n\n" || err != nil {
		t.Errorf("a ping became %q, %v", events, err)
	}
}

func TestNothingIsWrittenOnceTheStreamIsClosed(t *testing.T) {
	recorder := httptest.NewRecorder()
	stream := &eventStream{
		control: http.NewResponseController(recorder), done: make(chan struct{}), response: recorder,
	}
	_ = stream.Close(centrifuge.DisconnectSlow) // a recorder has no deadline
	if err := stream.Write(ping); err == nil || recorder.Body.Len() > 0 {
		t.Errorf("%v, %q", err, recorder.Body)
	}
}

func connectToStream(t *testing.T) (*centrifuge.Node, *bufio.Scanner) {
	t.Helper()
	node, err := newNode()
	if err != nil {
		t.Fatal(err)
	}
	credentials := &centrifuge.Credentials{UserID: "somebody", ExpireAt: time.Now().Add(time.Hour).Unix()}
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		request = request.WithContext(centrifuge.SetCredentials(request.Context(), credentials))
		streamEvents(node).ServeHTTP(response, request)
	}))
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = response.Body.Close()
		server.Close()
	})
	return node, bufio.NewScanner(response.Body)
}

func nextData(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			return lines.Text()
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return ""
}
