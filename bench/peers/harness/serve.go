// Package harness is the program's side of ../go-program.mjs, for peers in Go. It serves HTTP/2 over TLS with the
// bench's certificate, says where, publishes what it is told to and ends with the harness. It writes JSON objects,
// one a line, to standard output, and reads them from standard input.
package harness

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

// Setup is what the harness passes as the program's only argument.
type Setup struct {
	CertificateFile    string `json:"certificateFile"`
	CertificateKeyFile string `json:"certificateKeyFile"`
	TokenKeyFile       string `json:"tokenKeyFile"` // The public key of the tokens, PEM.
	Issuer             string `json:"issuer"`
	Audience           string `json:"audience"`
	Selects            bool   `json:"selects"` // Whether each client gets only records of some keys.
}

// Publish sends a record to all clients, or to those that select its key.
type Publish func(key, value string) error

// Main is a peer's main function: it serves what `prepare` makes of the program's argument.
func Main(prepare func(Setup) (handler http.Handler, publish Publish, err error)) {
	if err := run(prepare); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(prepare func(Setup) (http.Handler, Publish, error)) error {
	setup, err := readSetup()
	if err != nil {
		return err
	}
	handler, publish, err := prepare(setup)
	if err != nil {
		return err
	}
	return serve(setup, handler, publish)
}

func readSetup() (Setup, error) {
	var setup Setup
	if len(os.Args) != 2 {
		return setup, fmt.Errorf("one argument is needed, not %d", len(os.Args)-1)
	}
	return setup, json.Unmarshal([]byte(os.Args[1]), &setup)
}

// serve returns when the harness has ended, or with an error.
func serve(setup Setup, handler http.Handler, publish Publish) error {
	certificate, err := tls.LoadX509KeyPair(setup.CertificateFile, setup.CertificateKeyFile)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- newServer(certificate, handler).ServeTLS(listener, "", "") }()
	go func() { ended <- obey(listener.Addr().(*net.TCPAddr).Port, publish) }()
	return <-ended
}

func newServer(certificate tls.Certificate, handler http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler:   handler,
		Protocols: &protocols,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
		ErrorLog:  log.New(io.Discard, "", 0), // clients of a run that has ended
	}
}

// obey carries out the harness's orders until its input ends.
func obey(port int, publish Publish) error {
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]int{"listening": port}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var message struct{ Publish order }
		if err := json.Unmarshal(lines.Bytes(), &message); err != nil {
			return err
		}
		if err := message.Publish.carryOut(publish); err != nil {
			return err
		}
		if err := out.Encode(map[string]int64{"published": message.Publish.Count}); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (o order) carryOut(publish Publish) error {
	return o.pace(func(sequence int64) error {
		nowMicros, err := machineMicros()
		if err != nil {
			return err
		}
		value, err := encodeValue(sequence, o.ValueBytes, nowMicros)
		if err != nil {
			return err
		}
		return publish(o.keyOf(sequence), value)
	})
}
