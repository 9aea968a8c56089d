// hello PORT [HOST] - Go's plain net/http server, which answers with its process id.
//
// Built with CGO_ENABLED=0 it is static: no libc, no preload, system calls of its own.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	host := ""
	if len(os.Args) > 2 {
		host = os.Args[2]
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	pid := os.Getpid()
	fmt.Printf("pid %d listens on port %d\n", pid, listener.Addr().(*net.TCPAddr).Port)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from pid %d\n", pid)
	})
	log.Fatal(http.Serve(listener, nil))
}
