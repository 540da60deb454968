// The parts of a report in a person's words, a line each. All that is returned is DisplayText.
//
// Who uses it: the verbs that print for a person.
#ifndef FDORIGIN_CLI_TEXT_DESCRIBE_H_
#define FDORIGIN_CLI_TEXT_DESCRIBE_H_

#include <string>
#include <string_view>

#include "model/report.h"

namespace fdorigin {

// "com.example.Harbor.moor (Harbor.java:9)"; "start_thread (libc.so.6)"; "libpier.so+0x1f2a".
std::string DescribeFrame(const model::Frame& frame);

// Where its code came from: "harbor.jar", or "libnio.so"; empty where that is unknown.
std::string OriginOf(const model::Frame& frame);

// What it is: "socket ipv6/tcp listening on [::]:8080", "socket unix", "file /etc/hostname",
// "epoll". An IPv4 address of an IPv6 socket is written as the former.
std::string DescribeDescriptor(const model::Descriptor& descriptor);

// Who holds the other end: "fd 14 of this process", "nscd (pid 812, fd 13)"; empty where nobody is
// known.
std::string DescribePeer(const model::Report& report, const model::Descriptor& descriptor);

// "socket(domain AF_INET6, type SOCK_STREAM, protocol 0)". An argument that is the number `own_fd`
// of the descriptor in question is left out.
std::string DescribeCall(const model::Call& call, int own_fd = -1);

// "socket() by com.example.Harbor.moor (Harbor.java:9)", of one that somebody was seen to open; the
// call alone where there is no culprit.
std::string DescribeOpening(const model::Report& report, const model::Descriptor& descriptor);

// "main", "a virtual thread", "thread 4711"; with what it is where that is not a Java thread.
std::string DescribeThread(const model::Thread& thread);

// "21:56:43.089", with the day where that is not the report's.
std::string DescribeTime(const model::Report& report, std::string_view at);

// "13 min 26 s", of two RFC 3339 times; empty where one of them is none.
std::string DescribeInterval(std::string_view from, std::string_view to);

// A word of a command line, as a shell takes it; for the next command that a verb proposes.
std::string ShellWord(std::string_view text);

// "1 descriptor", "3 descriptors".
std::string Count(size_t count, std::string_view singular, std::string_view plural = {});

// The last part of a class's name.
std::string_view SimpleName(std::string_view class_name);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_TEXT_DESCRIBE_H_
