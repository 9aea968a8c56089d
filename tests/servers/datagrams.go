// datagrams PORT - Go's plain UDP server, which answers with who it is. Static with CGO_ENABLED=0.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
)

func main() {
	socket, err := net.ListenPacket("udp4", net.JoinHostPort("127.0.0.1", os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	who := fmt.Sprintf("%s %s %d ", os.Getenv("BERTH_SLOT"), os.Getenv("BERTH_GENERATION"), os.Getpid())
	fmt.Println("bound", os.Getpid())
	data := make([]byte, 65536)
	for {
		n, from, err := socket.ReadFrom(data)
		if err != nil {
			log.Fatal(err)
		}
		_, _ = socket.WriteTo(append([]byte(who), data[:n]...), from)
	}
}
