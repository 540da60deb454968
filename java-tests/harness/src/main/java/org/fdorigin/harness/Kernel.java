package org.fdorigin.harness;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The truth that reports are measured by: what the kernel says about another process, read at one
 * moment while that process waits for its next command.
 */
public final class Kernel {

  private static final Pattern INODE = Pattern.compile("(?:socket|pipe):\\[(\\d+)]");
  private static final long UNIX_ACCEPTS = 0x10000;
  private static final int LISTEN = 0x0A;
  private static final int ESTABLISHED = 0x01;

  private final long pid;
  private final SortedMap<Integer, String> descriptors;
  private final List<InetSocket> inet;
  private final Map<Long, Boolean> unixListening;

  private Kernel(
      long pid,
      SortedMap<Integer, String> descriptors,
      List<InetSocket> inet,
      Map<Long, Boolean> unixListening) {
    this.pid = pid;
    this.descriptors = descriptors;
    this.inet = inet;
    this.unixListening = unixListening;
  }

  /** An address and a port; every wildcard address is {@code *}, mapped ones are IPv4. */
  public record Endpoint(String address, int port) {

    /** From any spelling of a literal address. */
    public static Endpoint of(String literal, int port) {
      try {
        InetAddress address = InetAddress.getByName(literal);
        return new Endpoint(address.isAnyLocalAddress() ? "*" : address.getHostAddress(), port);
      } catch (UnknownHostException e) {
        throw new IllegalArgumentException("not an address: " + literal, e);
      }
    }
  }

  /** A row of the kernel's TCP and UDP tables that belongs to one of the process's descriptors. */
  public record InetSocket(
      int fd, String table, Endpoint local, Endpoint remote, int state, long inode) {

    public boolean listening() {
      return table.startsWith("tcp") && state == LISTEN;
    }

    public boolean connected() {
      return table.startsWith("tcp") && state == ESTABLISHED;
    }
  }

  /** Reads everything about this process now. */
  public static Kernel of(long pid) throws IOException {
    SortedMap<Integer, String> descriptors = descriptors(pid);
    Map<Long, Integer> numbers = new HashMap<>();
    descriptors.forEach((fd, target) -> inode(target).ifPresent(ino -> numbers.put(ino, fd)));
    List<InetSocket> inet = new ArrayList<>();
    for (String table : List.of("tcp", "tcp6", "udp", "udp6")) {
      for (String line : table(pid, table)) {
        String[] column = line.trim().split("\\s+");
        long inode = Long.parseLong(column[9]);
        Integer fd = numbers.get(inode);
        if (fd != null) {
          inet.add(
              new InetSocket(
                  fd,
                  table,
                  endpoint(column[1]),
                  endpoint(column[2]),
                  Integer.parseInt(column[3], 16),
                  inode));
        }
      }
    }
    Map<Long, Boolean> unixListening = new HashMap<>();
    for (String line : table(pid, "unix")) {
      String[] column = line.trim().split("\\s+", 8);
      boolean listening = (Long.parseLong(column[3], 16) & UNIX_ACCEPTS) != 0;
      unixListening.put(Long.parseLong(column[6]), listening);
    }
    return new Kernel(pid, descriptors, inet, unixListening);
  }

  /** Number and link text of every descriptor, from {@code /proc/PID/fd}. */
  public static SortedMap<Integer, String> descriptors(long pid) throws IOException {
    SortedMap<Integer, String> found = new TreeMap<>();
    try (DirectoryStream<Path> links = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
      for (Path link : links) {
        try {
          found.put(
              Integer.parseInt(link.getFileName().toString()),
              Files.readSymbolicLink(link).toString());
        } catch (NoSuchFileException e) {
          // Closed between the two system calls: not open, then.
        }
      }
    }
    return found;
  }

  /** Link texts as two runs of the same program must agree on: without inode numbers. */
  public static SortedMap<Integer, String> withoutInodes(SortedMap<Integer, String> descriptors) {
    SortedMap<Integer, String> plain = new TreeMap<>();
    descriptors.forEach(
        (fd, target) -> plain.put(fd, target.replaceAll("^(socket|pipe):\\[\\d+]$", "$1:[]")));
    return plain;
  }

  /** The name that the kernel has for a process, {@code /proc/PID/comm}. */
  public static String comm(long pid) throws IOException {
    return Files.readString(Path.of("/proc/" + pid + "/comm")).stripTrailing();
  }

  public SortedMap<Integer, String> descriptors() {
    return descriptors;
  }

  public List<InetSocket> inet() {
    return inet;
  }

  public long pid() {
    return pid;
  }

  /** The inode in a link text such as {@code socket:[123]}. */
  public static Optional<Long> inode(String target) {
    Matcher matcher = INODE.matcher(target);
    return matcher.matches() ? Optional.of(Long.parseLong(matcher.group(1))) : Optional.empty();
  }

  public long inode(int fd) {
    return inode(descriptors.get(fd)).orElseThrow();
  }

  /** The one TCP socket that listens on this port. */
  public InetSocket listener(int port) {
    return only(
        inet.stream().filter(s -> s.listening() && s.local().port() == port).toList(),
        "listening on " + port);
  }

  /** The one connected TCP socket with these two ports. */
  public InetSocket connection(int localPort, int remotePort) {
    return only(
        inet.stream()
            .filter(
                s ->
                    s.connected()
                        && s.local().port() == localPort
                        && s.remote().port() == remotePort)
            .toList(),
        "from " + localPort + " to " + remotePort);
  }

  /** The numbers whose link text is exactly this, in order. */
  public List<Integer> withTarget(String target) {
    return descriptors.keySet().stream().filter(fd -> descriptors.get(fd).equals(target)).toList();
  }

  /** The numbers of all sockets, in order. */
  public List<Integer> sockets() {
    return descriptors.keySet().stream()
        .filter(fd -> descriptors.get(fd).startsWith("socket:"))
        .toList();
  }

  /** The numbers of all sockets, of whatever family, that others can connect to, in order. */
  public List<Integer> listeners() {
    return sockets().stream()
        .filter(
            fd ->
                unixListening.getOrDefault(inode(fd), false)
                    || inet.stream().anyMatch(s -> s.fd() == fd && s.listening()))
        .toList();
  }

  /** The numbers of all sockets that are neither listening nor connected nor Unix, in order. */
  public List<Integer> idleSockets() {
    return sockets().stream()
        .filter(
            fd ->
                !unixListening.containsKey(inode(fd))
                    && inet.stream()
                        .noneMatch(s -> s.fd() == fd && (s.listening() || s.connected())))
        .toList();
  }

  /** Whether the process has a thread of this number. */
  public boolean hasThread(long tid) {
    return Files.exists(Path.of("/proc/" + pid + "/task/" + tid));
  }

  /** The numbers of all Unix sockets, in order. */
  public List<Integer> unixSockets() {
    return descriptors.keySet().stream()
        .filter(
            fd ->
                descriptors.get(fd).startsWith("socket:")
                    && inode(descriptors.get(fd)).filter(unixListening::containsKey).isPresent())
        .toList();
  }

  /**
   * For each Unix socket of this process the inode of its other end, 0 where that is gone, by the
   * kernel's socket diagnostics as {@code ss} prints them in its network namespace.
   */
  public Map<Integer, Long> unixPeers() throws IOException {
    Map<Long, Long> all = new HashMap<>();
    Path network = Path.of("/proc/" + pid + "/ns/net");
    List<String> line = new ArrayList<>();
    if (!Files.readSymbolicLink(network).equals(Files.readSymbolicLink(Path.of("/proc/self/ns/net")))) {
      line.addAll(List.of("nsenter", "--net=" + network));
    }
    line.addAll(List.of("ss", "-xanH"));
    Process ss = new ProcessBuilder(line).redirectErrorStream(true).start();
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(ss.getInputStream(), StandardCharsets.US_ASCII))) {
      for (String row = in.readLine(); row != null; row = in.readLine()) {
        // u_str ESTAB 0 0 PATH INODE PATH PEER
        String[] column = row.trim().split("\\s+");
        if (column.length >= 8) {
          all.put(
              Long.parseLong(column[column.length - 3]), Long.parseLong(column[column.length - 1]));
        }
      }
    }
    Map<Integer, Long> peers = new TreeMap<>();
    for (int fd : unixSockets()) {
      peers.put(fd, all.getOrDefault(inode(fd), 0L));
    }
    return peers;
  }

  private static List<String> table(long pid, String name) throws IOException {
    Path path = Path.of("/proc/" + pid + "/net/" + name);
    if (!Files.exists(path)) {
      return List.of();
    }
    List<String> lines = Files.readAllLines(path);
    return lines.subList(1, lines.size());
  }

  /** {@code ADDRESS:PORT} in hexadecimal, the address in words of the host's byte order. */
  private static Endpoint endpoint(String text) throws UnknownHostException {
    int colon = text.indexOf(':');
    String hex = text.substring(0, colon);
    ByteBuffer bytes = ByteBuffer.allocate(hex.length() / 2).order(ByteOrder.nativeOrder());
    for (int i = 0; i < hex.length(); i += 8) {
      bytes.putInt(Integer.parseUnsignedInt(hex.substring(i, i + 8), 16));
    }
    InetAddress address = InetAddress.getByAddress(bytes.array());
    return new Endpoint(
        address.isAnyLocalAddress() ? "*" : address.getHostAddress(),
        Integer.parseInt(text.substring(colon + 1), 16));
  }

  private InetSocket only(List<InetSocket> found, String what) {
    if (found.size() != 1) {
      throw new AssertionError(
          found.size() + " sockets " + what + " in process " + pid + ": " + inet);
    }
    return found.get(0);
  }
}
