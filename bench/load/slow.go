package main

import (
	"net"
	"time"
)

// slowConn is a connection that reads a number of bytes a second, after the handshake.
type slowConn struct {
	net.Conn
	bytesPerSecond int64
	read           int64
}

// handshakeBytes are read at full speed: the handshake and the first answer.
const handshakeBytes = 4 << 10

func (c *slowConn) Read(p []byte) (int, error) {
	if c.read < handshakeBytes {
		n, err := c.Conn.Read(p[:min(len(p), handshakeBytes)])
		c.read += int64(n)
		return n, err
	}
	time.Sleep(time.Second)
	return c.Conn.Read(p[:min(int64(len(p)), c.bytesPerSecond)])
}
