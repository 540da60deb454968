package org.fdorigin.harness;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;

/**
 * Compares what a report says of each descriptor with what a {@link SyscallTrace} says: the call,
 * the thread that made it, and those of its arguments that both know.
 */
public final class SecondOpinion {

  /** The system calls that libc may make of each function that a report names. */
  private static final Map<String, Set<String>> SYSTEM_CALLS =
      Map.ofEntries(
          Map.entry("open", Set.of("openat", "open")),
          Map.entry("open64", Set.of("openat", "open")),
          Map.entry("__open64_nocancel", Set.of("openat", "open")),
          Map.entry("openat", Set.of("openat")),
          Map.entry("openat64", Set.of("openat")),
          Map.entry("creat", Set.of("creat")),
          Map.entry("creat64", Set.of("creat")),
          Map.entry("eventfd", Set.of("eventfd2")),
          Map.entry("signalfd", Set.of("signalfd4")),
          Map.entry("epoll_create", Set.of("epoll_create", "epoll_create1")),
          Map.entry("inotify_init", Set.of("inotify_init", "inotify_init1")),
          Map.entry("pipe", Set.of("pipe", "pipe2")),
          Map.entry("fcntl64", Set.of("fcntl")));

  /** The names that reports have for a system call's arguments, in their order. */
  private static final Map<String, List<String>> ARGUMENTS =
      Map.ofEntries(
          Map.entry("openat", List.of("dirfd", "pathname", "flags")),
          Map.entry("open", List.of("pathname", "flags")),
          Map.entry("creat", List.of("pathname", "mode")),
          Map.entry("socket", List.of("domain", "type", "protocol")),
          Map.entry("socketpair", List.of("domain", "type", "protocol")),
          Map.entry("accept", List.of("sockfd")),
          Map.entry("accept4", List.of("sockfd")),
          Map.entry("recvmsg", List.of("sockfd")),
          Map.entry("recvmmsg", List.of("sockfd")),
          Map.entry("dup", List.of("oldfd")),
          Map.entry("dup2", List.of("oldfd", "newfd")),
          Map.entry("dup3", List.of("oldfd", "newfd", "flags")),
          Map.entry("fcntl", List.of("fd", "cmd", "arg")),
          Map.entry("pipe2", List.of("pipefd", "flags")),
          Map.entry("epoll_create", List.of("size")),
          Map.entry("epoll_create1", List.of("flags")),
          Map.entry("eventfd2", List.of("initval", "flags")));

  /** Values with a name in traces and none in reports, which have them as numbers. */
  private static final Map<String, String> NUMBERS =
      Map.of("AT_FDCWD", "-100", "IPPROTO_IP", "0", "NETLINK_ROUTE", "0");

  private SecondOpinion() {}

  /**
   * Every difference between the report and this moment of the trace. Descriptors that were opened
   * before line {@code since}, where the agent came, must be inherited, all others traced. What
   * came or went while the report was made is not looked at.
   */
  public static List<String> differences(Report report, SyscallTrace.Moment moment, int since) {
    List<String> all = new ArrayList<>();
    SortedMap<Integer, SyscallTrace.Made> open = moment.steady();
    open.forEach(
        (fd, made) -> {
          if (report.find(fd).isEmpty()) {
            all.add(fd + " is open by " + made + " and not in the report");
          }
        });
    for (Report.Descriptor descriptor : report.descriptors()) {
      SyscallTrace.Made made = open.get(descriptor.fd());
      if (moment.unsteady(descriptor.fd())) {
        continue;
      }
      if (made == null || made.line() < since) {
        if (!descriptor.attribution().equals("inherited")) {
          all.add("before the agent came: " + made + ", but " + descriptor);
        }
      } else if (!descriptor.attribution().equals("traced")) {
        all.add("opened by " + made + ", but " + descriptor);
      } else {
        compare(descriptor, made, all);
      }
    }
    return all;
  }

  private static void compare(
      Report.Descriptor descriptor, SyscallTrace.Made made, List<String> all) {
    JsonNode origin = descriptor.origin().json();
    String call = descriptor.origin().call();
    if (!SYSTEM_CALLS.getOrDefault(call, Set.of(call)).contains(made.call())) {
      all.add("made by " + made + ", not by " + call + ": " + descriptor);
      return;
    }
    if (origin.path("thread").path("tid").asLong() != made.tid()) {
      all.add("made by another thread, " + made + ": " + descriptor);
    }
    List<String> names = ARGUMENTS.getOrDefault(made.call(), List.of());
    for (int i = 0; i < Math.min(names.size(), made.arguments().size()); i++) {
      JsonNode told = origin.path("arguments").path(names.get(i));
      if (!told.isMissingNode() && !words(told.asText()).equals(words(made.arguments().get(i)))) {
        all.add(names.get(i) + " is another one in " + made + ": " + descriptor);
      }
    }
  }

  /** Flags, in whatever order; no flag is 0. */
  private static Set<String> words(String value) {
    String plain = NUMBERS.getOrDefault(value, value);
    Set<String> words = new TreeSet<>(Arrays.asList(plain.split("\\|")));
    words.removeAll(Set.of("0", "O_LARGEFILE"));
    return words;
  }
}
