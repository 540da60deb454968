package org.fdorigin.harness;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which descriptors a failed checkpoint names, worked out from nothing but the messages that the
 * application printed and the kernel's tables: the oracle for {@code failures} and {@code
 * blocking}.
 */
public final class FailureJoin {

  private static final Pattern NUMBERED =
      Pattern.compile("^(?:FD fd=|FileDescriptor |EPoll (?:Event )?FD )(\\d+)\\b");
  private static final Pattern INET =
      Pattern.compile(
          "^(tcp6?|udp6?) localAddr (\\S+) localPort (\\d+) remoteAddr (\\S+) remotePort (\\d+)$");
  private static final Pattern OLD_SOCKET =
      Pattern.compile("Socket\\[addr=[^,\\]]*,port=(\\d+),localport=(\\d+)]");
  private static final Pattern LISTENER_CHANNEL =
      Pattern.compile("ServerSocketChannelImpl\\[/(\\S*):(\\d+)]");
  private static final Pattern CONNECTED_CHANNEL =
      Pattern.compile(
          "SocketChannel(?:Impl)?\\[connected[a-z -]* local=\\S*:(\\d+) remote=\\S*:(\\d+)]");

  /** The JDK's listeners without an address: closed ones listen until the selector's next turn. */
  private static final Pattern NAMELESS_LISTENER =
      Pattern.compile("ServerSocketChannelImpl\\[(?:|closed)]");

  private static final Pattern NAMELESS_OTHER =
      Pattern.compile(
          "ServerSocketChannelImpl\\[unbound]"
              + "|[.]SocketChannel(?:Impl)?\\[(?:closed|unconnected)]"
              + "|DatagramChannelImpl@");

  private FailureJoin() {}

  /**
   * The things that a message names, each as the set of descriptors that fit: one number, or
   * several where the message cannot tell them apart (the two ends of a pipe have one inode).
   * Things that are not open, or of which no trace is in the message, are absent.
   */
  public static List<Set<Integer>> named(String message, Kernel kernel) {
    if (message == null) {
      return List.of();
    }
    Matcher numbered = NUMBERED.matcher(message);
    if (numbered.find()) {
      return List.of(Set.of(Integer.parseInt(numbered.group(1))));
    }
    Matcher inet = INET.matcher(message);
    if (inet.matches()) {
      Kernel.Endpoint local = Kernel.Endpoint.of(inet.group(2), Integer.parseInt(inet.group(3)));
      Kernel.Endpoint remote = Kernel.Endpoint.of(inet.group(4), Integer.parseInt(inet.group(5)));
      return sockets(
          kernel,
          s ->
              s.table().equals(inet.group(1))
                  && s.local().equals(local)
                  && s.remote().equals(remote));
    }
    if (kernel.descriptors().containsValue(message)) {
      return List.of(new TreeSet<>(kernel.withTarget(message)));
    }
    List<Set<Integer>> all = new ArrayList<>();
    for (Matcher m = OLD_SOCKET.matcher(message); m.find(); ) {
      int remote = Integer.parseInt(m.group(1));
      int local = Integer.parseInt(m.group(2));
      all.addAll(sockets(kernel, s -> s.local().port() == local && s.remote().port() == remote));
    }
    for (Matcher m = LISTENER_CHANNEL.matcher(message); m.find(); ) {
      int port = Integer.parseInt(m.group(2));
      all.addAll(sockets(kernel, s -> s.listening() && s.local().port() == port));
    }
    for (Matcher m = CONNECTED_CHANNEL.matcher(message); m.find(); ) {
      int local = Integer.parseInt(m.group(1));
      int remote = Integer.parseInt(m.group(2));
      all.addAll(sockets(kernel, s -> s.local().port() == local && s.remote().port() == remote));
    }
    return all;
  }

  /**
   * What a message may be about that has a socket in it and does not say which: the agent may know
   * better, by what the checkpoint has claimed, but need not.
   */
  private static Set<Integer> nameless(String message, Kernel kernel) {
    Set<Integer> may = new TreeSet<>();
    if (message != null && NAMELESS_LISTENER.matcher(message).find()) {
      may.addAll(kernel.listeners());
    }
    if (message != null && NAMELESS_OTHER.matcher(message).find()) {
      may.addAll(kernel.idleSockets());
    }
    return may;
  }

  /** Whether some message of this attempt names this descriptor and no other. */
  public static boolean certain(int fd, Attempt attempt, Kernel kernel) {
    return attempt.exception().suppressed().stream()
        .flatMap(failure -> named(failure.message(), kernel).stream())
        .anyMatch(Set.of(fd)::equals);
  }

  /**
   * Checks every descriptor's {@code failures} and {@code blocking} against the messages, and that
   * the report lists the failures as the application saw them.
   */
  public static void check(Report report, Attempt attempt, Kernel kernel) {
    List<String> printed =
        attempt.exception().suppressed().stream().map(Attempt.Failure::toString).toList();
    if (!report.suppressed().equals(printed)) {
      throw new AssertionError(
          "suppressed exceptions differ:\nreport: "
              + report.suppressed()
              + "\nprinted: "
              + printed);
    }
    List<String> wrong = new ArrayList<>();
    for (int i = 0; i < printed.size(); i++) {
      int index = i;
      Set<Integer> told = new LinkedHashSet<>();
      report.descriptors().stream()
          .filter(descriptor -> descriptor.failures().contains(index))
          .forEach(descriptor -> told.add(descriptor.fd()));
      String message = attempt.exception().suppressed().get(i).message();
      Set<Integer> may = nameless(message, kernel);
      JsonNode one = report.json().at("/trigger/exception/suppressed/" + i);
      if (one.has("fd") && !told.contains(one.path("fd").asInt())) {
        wrong.add(one + " has a number that no descriptor confirms: " + told);
      }
      for (Set<Integer> thing : named(message, kernel)) {
        may.addAll(thing);
        if (thing.stream().noneMatch(told::contains)) {
          wrong.add(printed.get(i) + " names " + thing + ", the report says " + told);
        }
      }
      if (!may.containsAll(told)) {
        wrong.add(printed.get(i) + " can only be " + may + ", the report says " + told);
      }
    }
    for (Report.Descriptor descriptor : report.descriptors()) {
      if (descriptor.blocking() == descriptor.failures().isEmpty()) {
        wrong.add("blocking and failures disagree: " + descriptor);
      }
    }
    if (!wrong.isEmpty()) {
      throw new AssertionError(String.join("\n", wrong));
    }
  }

  private static List<Set<Integer>> sockets(Kernel kernel, Predicate<Kernel.InetSocket> fits) {
    Set<Integer> fds = new TreeSet<>();
    kernel.inet().stream().filter(fits).forEach(socket -> fds.add(socket.fd()));
    return fds.isEmpty() ? List.of() : List.of(fds);
  }
}
