// Natives of org.fdorigin.apps.probes.Gopher: descriptors that Go's own packages open. Go's runtime
// asks the kernel by instructions of its own and calls no libc for it, so no hook can see them.
package main

// #include <stdint.h>
import "C"

import (
	"net"
	"os"
	"syscall"
	"unsafe"
)

// What is open stays open: a finalizer would close what nobody refers to.
var burrow []any

// The number behind a connection, a listener or a file; -1 where Go gives none.
func keep(owner syscall.Conn, err error) C.int32_t {
	if err != nil {
		println(err.Error())
		return -1
	}
	burrow = append(burrow, owner)
	raw, err := owner.SyscallConn()
	if err != nil {
		return -1
	}
	number := C.int32_t(-1)
	if raw.Control(func(fd uintptr) { number = C.int32_t(fd) }) != nil {
		return -1
	}
	return number
}

//export Java_org_fdorigin_apps_probes_Gopher_digDatagram
func Java_org_fdorigin_apps_probes_Gopher_digDatagram(env, class unsafe.Pointer) C.int32_t {
	address := net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	return keep(net.ListenUDP("udp4", &address))
}

//export Java_org_fdorigin_apps_probes_Gopher_digListener
func Java_org_fdorigin_apps_probes_Gopher_digListener(env, class unsafe.Pointer) C.int32_t {
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	return keep(net.ListenTCP("tcp4", &address))
}

// The reading end; the other one is in the burrow, too.
//
//export Java_org_fdorigin_apps_probes_Gopher_digPipe
func Java_org_fdorigin_apps_probes_Gopher_digPipe(env, class unsafe.Pointer) C.int32_t {
	reader, writer, err := os.Pipe()
	burrow = append(burrow, writer)
	return keep(reader, err)
}

//export Java_org_fdorigin_apps_probes_Gopher_digFile
func Java_org_fdorigin_apps_probes_Gopher_digFile(env, class unsafe.Pointer) C.int32_t {
	return keep(os.Open("/etc/hostname"))
}

func main() {}
