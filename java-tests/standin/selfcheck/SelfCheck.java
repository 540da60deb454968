import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.lang.ref.Reference;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.DatagramChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.IllegalSelectorException;
import java.nio.channels.Pipe;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.Pattern;

/**
 * Leaves one kind of descriptor open, asks for a checkpoint and compares what is thrown with what a
 * CRaC JDK throws.
 *
 * <p>{@code SelfCheck CASE} prints what was thrown, {@code CLASS: MESSAGE} on a line of its own (or
 * only {@code CLASS} where there is no message), suppressed exceptions below it, indented by two
 * more spaces; or {@code no exception}. Then {@code as expected}, or one line for each difference,
 * and the exit status is 1. {@code SelfCheck --list} prints the cases, each with the java options
 * that it needs beyond the stand-in's argument file.
 */
public class SelfCheck {
  /** Prepares a situation; what it returns must stay reachable until after the checkpoint. */
  private interface Situation {
    Object prepare() throws Exception;
  }

  private static final class Case {
    final String options;
    final Situation situation;

    Case(String options, Situation situation) {
      this.options = options;
      this.situation = situation;
    }
  }

  /** The generation of the contract that this JVM follows: 0, 1 or 3. */
  private static final int GENERATION = findGeneration();

  private static final String CONFIGURED = "-Dstandin.CRaCCheckpointTo=%DIR%";

  private static final Map<String, Case> CASES = new LinkedHashMap<>();

  /** Patterns of the suppressed exceptions that must be there, each once. */
  private static final List<String> EXPECTED = new ArrayList<>();

  /** The API that the checkpoint is asked for by: the package of a class Core. */
  private static String api = "jdk.crac";

  /** What resources were told, in order. */
  private static final List<String> TOLD = new ArrayList<>();

  private static final List<String> EXPECTED_TOLD = new ArrayList<>();

  private static int findGeneration() {
    try {
      Class.forName("jdk.internal.crac.mirror.Core", false, null);
      return 3;
    } catch (ClassNotFoundException e) {
      // One of the older ones, then.
    }
    try {
      for (Method method : Class.forName("jdk.crac.Core", false, null).getDeclaredMethods()) {
        if (method.getName().equals("checkpointRestore0")) {
          return method.getParameterCount() == 0 ? 0 : 1;
        }
      }
    } catch (ClassNotFoundException e) {
      // Not started with an argument file of the stand-in.
    }
    throw new IllegalStateException("There is no CRaC stand-in in this JVM");
  }

  static {
    CASES.put("nothing", new Case(CONFIGURED, () -> null));
    CASES.put("not-configured", new Case("", SelfCheck::notConfigured));
    CASES.put("engine-failure",
        new Case(CONFIGURED + " -Dstandin.engine=fail", SelfCheck::engineFailure));
    CASES.put("server-socket-channel", new Case(CONFIGURED, SelfCheck::serverSocketChannel));
    CASES.put("ipv4-listener",
        new Case(CONFIGURED + " -Djava.net.preferIPv4Stack=true", SelfCheck::ipv4Listener));
    CASES.put("socket-channels", new Case(CONFIGURED, SelfCheck::socketChannels));
    CASES.put("unbound-socket-channel", new Case(CONFIGURED, SelfCheck::unboundSocketChannel));
    CASES.put("unix-channels", new Case(CONFIGURED, SelfCheck::unixChannels));
    CASES.put("datagram-socket", new Case(CONFIGURED, SelfCheck::datagramSocket));
    CASES.put("datagram-channel", new Case(CONFIGURED, SelfCheck::datagramChannel));
    CASES.put("server-socket", new Case(CONFIGURED, SelfCheck::serverSocket));
    CASES.put("sockets", new Case(CONFIGURED, SelfCheck::sockets));
    CASES.put("file-input-stream", new Case(CONFIGURED, SelfCheck::fileInputStream));
    CASES.put("random-device", new Case(CONFIGURED, SelfCheck::randomDevice));
    CASES.put("file-channel", new Case(CONFIGURED, SelfCheck::fileChannel));
    CASES.put("directory-stream", new Case(CONFIGURED, SelfCheck::directoryStream));
    CASES.put("other-jar", new Case(CONFIGURED, SelfCheck::otherJar));
    CASES.put("child-process", new Case(CONFIGURED, SelfCheck::childProcess));
    CASES.put("pipe", new Case(CONFIGURED, SelfCheck::pipe));
    CASES.put("idle-selector", new Case(CONFIGURED, Selector::open));
    CASES.put("busy-selector", new Case(CONFIGURED, SelfCheck::busySelector));
    CASES.put("busy-selector-silent",
        new Case(CONFIGURED + " -Dstandin.selector.claims=false", SelfCheck::closedInSelector));
    CASES.put("watch-service", new Case(CONFIGURED, SelfCheck::watchServiceScanned));
    CASES.put("watch-service-with-keys",
        new Case(CONFIGURED + " -Dstandin.watchservice=keys", SelfCheck::watchServiceWithKeys));
    CASES.put("watch-service-without-keys",
        new Case(CONFIGURED + " -Dstandin.watchservice=keys",
            () -> FileSystems.getDefault().newWatchService()));
    CASES.put("allowed-prefix",
        new Case(CONFIGURED + " -Dstandin.CRaCAllowedOpenFilePrefixes=/nowhere,/proc/",
            SelfCheck::allowedPrefix));
    CASES.put("both-levels", new Case(CONFIGURED, SelfCheck::bothLevels));
    CASES.put("resource-throws", new Case(CONFIGURED, SelfCheck::resourceThrows));
    CASES.put("resource-order", new Case(CONFIGURED, SelfCheck::resourceOrder));
    CASES.put("after-restore-throws", new Case(CONFIGURED, SelfCheck::afterRestoreThrows));
    CASES.put("recursive", new Case(CONFIGURED, SelfCheck::recursive));
    CASES.put("org-crac", new Case(CONFIGURED, SelfCheck::orgCrac));
    CASES.put("org-crac-success", new Case(CONFIGURED, SelfCheck::orgCracSuccess));
  }

  // ---- What is left open. ----

  private static Object notConfigured() {
    expect("java.lang.RuntimeException", Pattern.quote("C/R is not configured"));
    return null;
  }

  private static Object engineFailure() {
    expect("java.lang.RuntimeException", Pattern.quote("Native checkpoint failed."));
    return null;
  }

  private static Object serverSocketChannel() throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open().bind(new InetSocketAddress(0));
    int port = ((InetSocketAddress) channel.getLocalAddress()).getPort();
    if (GENERATION == 3) {
      expectOpen("Socket", Pattern.quote(channel.toString()));
    } else {
      expectOpen("Socket", "tcp6 localAddr :: localPort " + port + " remoteAddr :: remotePort 0");
    }
    return channel;
  }

  private static Object ipv4Listener() throws IOException {
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    ServerSocketChannel channel = ServerSocketChannel.open().bind(address);
    int port = ((InetSocketAddress) channel.getLocalAddress()).getPort();
    if (GENERATION == 3) {
      expectOpen("Socket", Pattern.quote(channel.toString()));
    } else {
      expectOpen("Socket",
          "tcp localAddr 127\\.0\\.0\\.1 localPort " + port
              + " remoteAddr 0\\.0\\.0\\.0 remotePort 0");
    }
    return channel;
  }

  private static Object socketChannels() throws IOException {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    ServerSocketChannel listener = ServerSocketChannel.open().bind(any);
    SocketChannel connected = SocketChannel.open(listener.getLocalAddress());
    SocketChannel accepted = listener.accept();
    listener.close();
    int near = ((InetSocketAddress) connected.getLocalAddress()).getPort();
    int far = ((InetSocketAddress) connected.getRemoteAddress()).getPort();
    if (GENERATION == 3) {
      expectOpen("Socket",
          "java\\.nio\\.channels\\.SocketChannel\\[connected local=/127\\.0\\.0\\.1:" + near
              + " remote=[^ ]*/127\\.0\\.0\\.1:" + far + "\\]");
      expectOpen("Socket",
          "java\\.nio\\.channels\\.SocketChannel\\[connected local=/127\\.0\\.0\\.1:" + far
              + " remote=/127\\.0\\.0\\.1:" + near + "\\]");
    } else {
      expectOpen("Socket", mapped(near, far));
      expectOpen("Socket", mapped(far, near));
    }
    return List.of(connected, accepted);
  }

  private static String mapped(int localPort, int remotePort) {
    return "tcp6 localAddr ::ffff:127\\.0\\.0\\.1 localPort " + localPort
        + " remoteAddr ::ffff:127\\.0\\.0\\.1 remotePort " + remotePort;
  }

  private static Object unboundSocketChannel() throws Exception {
    warmUpNio();
    Set<String> before = openLinks();
    SocketChannel channel = SocketChannel.open();
    Set<String> opened = openLinks();
    opened.removeAll(before);
    if (GENERATION == 3) {
      expectOpen("Socket", "java\\.nio\\.channels\\.SocketChannel\\[unconnected\\]");
    } else {
      expectOpen("Socket", Pattern.quote(opened.iterator().next()));
    }
    return channel;
  }

  private static Object unixChannels() throws Exception {
    warmUpNio();
    Path path = Files.createTempDirectory("selfcheck").resolve("socket");
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(path);
    Set<String> before = openLinks();
    ServerSocketChannel listener =
        ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address);
    SocketChannel connected = SocketChannel.open(address);
    SocketChannel accepted = listener.accept();
    Set<String> opened = openLinks();
    opened.removeAll(before);
    Files.delete(path);
    Files.delete(path.getParent());
    if (GENERATION == 3) {
      expectOpen("Socket", Pattern.quote(listener.toString()));
      expectOpen("Socket", Pattern.quote(connected.toString()));
      expectOpen("Socket", Pattern.quote(accepted.toString()));
    } else {
      for (String link : opened) {
        expectOpen("Socket", Pattern.quote(link));
      }
    }
    return List.of(listener, connected, accepted);
  }

  private static Object datagramSocket() throws IOException {
    DatagramSocket socket = new DatagramSocket();
    if (GENERATION == 3) {
      expectOpen("Socket", "sun\\.nio\\.ch\\.DatagramChannelImpl@[0-9a-f]+");
    } else {
      expectOpen("Socket",
          "udp6 localAddr :: localPort " + socket.getLocalPort() + " remoteAddr :: remotePort 0");
    }
    return socket;
  }

  private static Object datagramChannel() throws IOException {
    DatagramChannel channel =
        DatagramChannel.open(StandardProtocolFamily.INET)
            .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    int port = ((InetSocketAddress) channel.getLocalAddress()).getPort();
    if (GENERATION == 3) {
      expectOpen("Socket", Pattern.quote(channel.toString()));
    } else {
      expectOpen("Socket",
          "udp localAddr 127\\.0\\.0\\.1 localPort " + port
              + " remoteAddr 0\\.0\\.0\\.0 remotePort 0");
    }
    return channel;
  }

  private static Object serverSocket() throws IOException {
    ServerSocket socket = new ServerSocket(0);
    if (GENERATION == 3) {
      // port=0: listening. It is the SocketImpl that is printed, not the ServerSocket.
      expectOpen("Socket",
          Pattern.quote(
              "Socket[addr=0.0.0.0/0.0.0.0,port=0,localport=" + socket.getLocalPort() + "]"));
    } else {
      expectOpen("Socket",
          "tcp6 localAddr :: localPort " + socket.getLocalPort() + " remoteAddr :: remotePort 0");
    }
    return socket;
  }

  private static Object sockets() throws IOException {
    ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    Socket connected = new Socket("localhost", listener.getLocalPort());
    Socket accepted = listener.accept();
    listener.close();
    int near = connected.getLocalPort();
    int far = connected.getPort();
    if (GENERATION == 3) {
      expectOpen("Socket",
          Pattern.quote(
              "Socket[addr=localhost/127.0.0.1,port=" + far + ",localport=" + near + "]"));
      expectOpen("Socket",
          Pattern.quote("Socket[addr=/127.0.0.1,port=" + near + ",localport=" + far + "]"));
    } else {
      expectOpen("Socket", mapped(near, far));
      expectOpen("Socket", mapped(far, near));
    }
    return List.of(connected, accepted);
  }

  private static Object fileInputStream() throws IOException {
    expectOpen("File", "/etc/hostname");
    return new FileInputStream("/etc/hostname");
  }

  private static Object randomDevice() throws IOException {
    return List.of(new FileInputStream("/dev/urandom"), new FileInputStream("/dev/random"));
  }

  private static Object fileChannel() throws Exception {
    warmUpNio();
    Map<Integer, String> before = openDescriptors();
    FileChannel channel = FileChannel.open(Path.of("/etc/hostname"), StandardOpenOption.READ);
    if (GENERATION == 3) {
      // Opened by path, but the FileDescriptor is all that a CRaC JDK has of it.
      expectOpen("Resource",
          "FileDescriptor " + newNumber(before) + ": regular: /etc/hostname");
    } else {
      expectOpen("File", "/etc/hostname");
    }
    return channel;
  }

  private static Object directoryStream() throws Exception {
    // No java.io.FileDescriptor is behind it: in every generation the VM's scan finds it. The JDK
    // opens the directory and duplicates the descriptor.
    Map<Integer, String> before = openDescriptors();
    Object stream = Files.newDirectoryStream(Path.of("/proc/self/attr"));
    for (var opened : openedSince(before).entrySet()) {
      String path = Pattern.quote(opened.getValue());
      int fd = opened.getKey();
      expectOpen("File", GENERATION == 3 ? "FD fd=" + fd + " type=directory path=" + path : path);
    }
    if (EXPECTED.isEmpty()) {
      throw new IllegalStateException("no descriptor");
    }
    return stream;
  }

  private static Object otherJar() throws Exception {
    Path jar = Files.createTempFile("selfcheck", ".jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      out.putNextEntry(new JarEntry("entry"));
    }
    URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()});
    if (loader.findResource("entry") == null) {
      throw new IllegalStateException("no entry");
    }
    jar.toFile().deleteOnExit();
    // The older generations tell the VM of every archive that ZipFile has open.
    if (GENERATION == 3) {
      expectOpen("File", Pattern.quote(jar.toString()));
    }
    return loader;
  }

  private static Object childProcess() throws Exception {
    Map<Integer, String> before = openDescriptors();
    Process process = new ProcessBuilder("cat").start();
    for (var opened : openedSince(before).entrySet()) {
      int fd = opened.getKey();
      String link = Pattern.quote(opened.getValue());
      expectOpen("Resource", GENERATION == 3 ? "FileDescriptor " + fd + ": fifo: " + link : link);
    }
    if (EXPECTED.size() != 3) {
      throw new IllegalStateException("not three pipes: " + EXPECTED);
    }
    return process;
  }

  private static Object pipe() throws Exception {
    warmUpNio();
    Set<String> before = openLinks();
    Pipe pipe = Pipe.open();
    Set<String> opened = openLinks();
    opened.removeAll(before);
    String link = Pattern.quote(opened.iterator().next());
    if (GENERATION == 3) {
      expectOpen("Resource", "sun\\.nio\\.ch\\.PipeImpl@[0-9a-f]+");
    } else {
      expectOpen("Resource", link);
      expectOpen("Resource", link);
    }
    return pipe;
  }

  private static Object busySelector() throws Exception {
    warmUpNio();
    Map<Integer, String> before = openDescriptors();
    Selector selector = Selector.open();
    Map<String, Integer> numbers = new LinkedHashMap<>();
    openedSince(before).forEach((fd, link) -> numbers.put(link, fd));
    ServerSocketChannel channel = ServerSocketChannel.open().bind(null);
    channel.configureBlocking(false);
    channel.register(selector, SelectionKey.OP_ACCEPT);
    int port = ((InetSocketAddress) channel.getLocalAddress()).getPort();
    if (GENERATION == 3) {
      expect("sun.nio.ch.EPollSelectorImpl$BusySelectorException",
          Pattern.quote(
              "Selector " + selector + " has registered keys from channels: [" + channel + "]"));
      String rest = " left open in " + Pattern.quote(selector + " with registered keys.");
      expectOpen("Socket", "EPoll FD " + numbers.get("anon_inode:[eventpoll]") + rest);
      expectOpen("Socket", "EPoll Event FD " + numbers.get("anon_inode:[eventfd]") + rest);
      expectOpen("Socket", Pattern.quote(channel.toString()));
    } else {
      expect(IllegalSelectorException.class.getName(), null);
      if (GENERATION == 1) {
        expectOpen("Socket", "tcp6 localAddr :: localPort " + port + " remoteAddr :: remotePort 0");
        for (String link : numbers.keySet()) {
          expectOpen("Resource", Pattern.quote(link));
        }
      }
    }
    return List.of(selector, channel);
  }

  private static Object closedInSelector() throws Exception {
    Selector selector = Selector.open();
    ServerSocketChannel channel = ServerSocketChannel.open().bind(null);
    int port = ((InetSocketAddress) channel.getLocalAddress()).getPort();
    channel.configureBlocking(false);
    channel.register(selector, SelectionKey.OP_ACCEPT);
    channel.close(); // The selector keeps its descriptor open until the next select.
    if (GENERATION == 3) {
      expect("sun.nio.ch.EPollSelectorImpl$BusySelectorException",
          Pattern.quote(
              "Selector " + selector
                  + " has registered keys from channels:"
                  + " [sun.nio.ch.ServerSocketChannelImpl[closed]]"));
    } else {
      expect(IllegalSelectorException.class.getName(), null);
      if (GENERATION == 1) {
        expectOpen("Socket", "tcp6 localAddr :: localPort " + port + " remoteAddr :: remotePort 0");
        expectOpen("Resource", "anon_inode:\\[eventpoll\\]");
        expectOpen("Resource", "anon_inode:\\[eventfd\\]");
      }
    }
    return List.of(selector, channel);
  }

  private static Object watchServiceScanned() throws Exception {
    Map<Integer, String> before = openDescriptors();
    WatchService service = FileSystems.getDefault().newWatchService();
    Path.of("/tmp").register(service, StandardWatchEventKinds.ENTRY_CREATE);
    expectWatchServiceScanned(before);
    return service;
  }

  private static void expectWatchServiceScanned(Map<Integer, String> before) {
    for (var opened : openedSince(before).entrySet()) {
      int fd = opened.getKey();
      String link = Pattern.quote(opened.getValue());
      boolean socket = link.contains("socket:");
      String message = link;
      if (GENERATION == 3) {
        // 29295 is "ro" of "/proc/self/fd/N", what is left in the VM's buffer by readlink where
        // getsockname has no address to write.
        message =
            "FD fd=" + fd + " type=" + (socket ? "socket" : "unknown") + " path=" + link
                + (socket ? ",port=29295" : "");
      }
      expectOpen(socket ? "Socket" : "Resource", message);
    }
    if (EXPECTED.size() < 3) {
      throw new IllegalStateException("no socket pair: " + EXPECTED);
    }
  }

  private static Object watchServiceWithKeys() throws Exception {
    Map<Integer, String> before = openDescriptors();
    WatchService service = FileSystems.getDefault().newWatchService();
    Path.of("/tmp").register(service, StandardWatchEventKinds.ENTRY_CREATE);
    if (GENERATION != 0) {
      expectWatchServiceScanned(before);
    }
    String message = Pattern.quote("LinuxWatchService.processCheckpointRestore with keys");
    if (GENERATION == 3) {
      expectOpen("Resource", message);
    } else {
      expect("jdk.crac.CheckpointException", message);
    }
    return service;
  }

  private static Object allowedPrefix() throws Exception {
    return Files.newDirectoryStream(Path.of("/proc/self/attr"));
  }

  private static Object bothLevels() throws Exception {
    register("thrower", true, false);
    expect("java.lang.IllegalStateException", "thrower objects");
    expectTold("thrower:before", "thrower:after");
    // The prototype does not ask the VM where Java code objects.
    if (GENERATION == 0) {
      return new FileInputStream("/etc/hostname");
    }
    return List.of(fileInputStream(), directoryStream());
  }

  private static Object resourceThrows() throws Exception {
    register("thrower", true, false);
    expect("java.lang.IllegalStateException", "thrower objects");
    expectTold("thrower:before", "thrower:after");
    return null;
  }

  private static Object resourceOrder() throws Exception {
    register("first", false, false);
    register("second", false, false);
    expectTold("second:before", "first:before", "first:after", "second:after");
    return null;
  }

  private static Object afterRestoreThrows() throws Exception {
    register("thrower", false, true);
    expect("java.lang.IllegalStateException", "thrower objects");
    expectTold("thrower:before", "thrower:after");
    return null;
  }

  private static Object recursive() throws Exception {
    Object resource =
        Proxy.newProxyInstance(
            SelfCheck.class.getClassLoader(),
            new Class<?>[] {Class.forName(api + ".Resource")},
            (proxy, method, arguments) -> {
              if (method.getName().equals("beforeCheckpoint")) {
                checkpoint();
              }
              return method.getReturnType() == boolean.class ? false : null;
            });
    register(resource);
    expect("java.lang.IllegalStateException", "Recursive checkpoint is not allowed");
    return null;
  }

  private static Object orgCrac() throws Exception {
    api = "org.crac";
    register("thrower", true, false);
    expect("java.lang.IllegalStateException", "thrower objects");
    expectTold("thrower:before", "thrower:after");
    return GENERATION == 0 ? null : fileInputStream();
  }

  private static Object orgCracSuccess() throws Exception {
    api = "org.crac";
    register("quiet", false, false);
    expectTold("quiet:before", "quiet:after");
    return null;
  }

  // ---- What is expected. ----

  private static void expect(String className, String messagePattern) {
    EXPECTED.add(Pattern.quote(className) + (messagePattern != null ? ": " + messagePattern : ""));
  }

  private static void expectOpen(String kind, String messagePattern) {
    String where = GENERATION == 3 ? "jdk.internal.crac.mirror.impl." : "jdk.crac.impl.";
    expect(where + "CheckpointOpen" + kind + "Exception", messagePattern);
  }

  private static void expectTold(String... steps) {
    EXPECTED_TOLD.addAll(List.of(steps));
  }

  // ---- Descriptors of this process. ----

  /** The first channel of all makes the NIO library open a socket pair for itself. */
  private static void warmUpNio() throws IOException {
    SocketChannel.open().close();
  }

  /**
   * The links of all open descriptors by their numbers, as two readings in a row show them, without
   * those of jars, which class loading may open at any time, and without that by which the list is
   * read.
   */
  private static Map<Integer, String> openDescriptors() {
    Map<Integer, String> seen = listDescriptors();
    while (true) {
      Map<Integer, String> again = listDescriptors();
      if (again.equals(seen)) {
        return seen;
      }
      seen = again;
    }
  }

  private static Map<Integer, String> listDescriptors() {
    Map<Integer, String> links = new TreeMap<>();
    for (String name : new File("/proc/self/fd").list()) {
      try {
        String target = Files.readSymbolicLink(Path.of("/proc/self/fd", name)).toString();
        if (!target.endsWith(".jar")) {
          links.put(Integer.parseInt(name), target);
        }
      } catch (IOException e) {
        continue; // The list's own descriptor, closed by now.
      }
    }
    return links;
  }

  /**
   * What is open now and was not before, by number and link both: the number may have been that of
   * something which the JVM held open for a moment.
   */
  private static Map<Integer, String> openedSince(Map<Integer, String> before) {
    Map<Integer, String> opened = openDescriptors();
    opened.entrySet().removeAll(before.entrySet());
    return opened;
  }

  private static Set<String> openLinks() {
    return new TreeSet<>(openDescriptors().values());
  }

  private static int newNumber(Map<Integer, String> before) {
    Set<Integer> opened = openedSince(before).keySet();
    if (opened.size() != 1) {
      throw new IllegalStateException("not one new descriptor: " + opened);
    }
    return opened.iterator().next();
  }

  // ---- The checkpoint, by reflection: this class is compiled without the stand-in. ----

  private static void checkpoint() throws Throwable {
    try {
      Class.forName(api + ".Core").getMethod("checkpointRestore").invoke(null);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static void register(Object resource) throws Exception {
    Object context = Class.forName(api + ".Core").getMethod("getGlobalContext").invoke(null);
    Class.forName(api + ".Context")
        .getMethod("register", Class.forName(api + ".Resource"))
        .invoke(context, resource);
    REGISTERED.add(resource);
  }

  /** A context may hold its resources weakly. */
  private static final List<Object> REGISTERED = new ArrayList<>();

  private static void register(String name, boolean throwsBefore, boolean throwsAfter)
      throws Exception {
    register(
        Proxy.newProxyInstance(
            SelfCheck.class.getClassLoader(),
            new Class<?>[] {Class.forName(api + ".Resource")},
            (proxy, method, arguments) -> {
              switch (method.getName()) {
                case "beforeCheckpoint":
                  TOLD.add(name + ":before");
                  if (throwsBefore) {
                    throw new IllegalStateException(name + " objects");
                  }
                  return null;
                case "afterRestore":
                  TOLD.add(name + ":after");
                  if (throwsAfter) {
                    throw new IllegalStateException(name + " objects");
                  }
                  return null;
                case "hashCode":
                  return System.identityHashCode(proxy);
                case "equals":
                  return proxy == arguments[0];
                default:
                  return name;
              }
            }));
  }

  private static String describe(Throwable throwable) {
    String message = throwable.getMessage();
    return throwable.getClass().getName() + (message != null ? ": " + message : "");
  }

  private static void print(Throwable throwable, String indent) {
    System.out.println(indent + describe(throwable));
    for (Throwable suppressed : throwable.getSuppressed()) {
      print(suppressed, indent + "  ");
    }
  }

  private static String expectedTop(String name) {
    if (name.equals("after-restore-throws")) {
      return api + ".RestoreException";
    }
    return EXPECTED.isEmpty() ? null : api + ".CheckpointException";
  }

  private static List<String> differences(String name, Throwable thrown) {
    List<String> differences = new ArrayList<>();
    String top = thrown != null ? describe(thrown) : null;
    if (!Objects.equals(top, expectedTop(name))) {
      differences.add("expected " + expectedTop(name) + " to be thrown, not " + top);
    }
    List<String> suppressed = new ArrayList<>();
    if (thrown != null) {
      for (Throwable each : thrown.getSuppressed()) {
        suppressed.add(describe(each));
      }
    }
    for (String pattern : EXPECTED) {
      if (!suppressed.removeIf(once(pattern))) {
        differences.add("missing: " + pattern);
      }
    }
    for (String rest : suppressed) {
      differences.add("not expected: " + rest);
    }
    if (!TOLD.equals(EXPECTED_TOLD)) {
      differences.add("resources were told " + TOLD + ", expected " + EXPECTED_TOLD);
    }
    return differences;
  }

  /** A predicate that takes one match only. */
  private static Predicate<String> once(String pattern) {
    boolean[] taken = new boolean[1];
    return text -> {
      if (taken[0] || !text.matches(pattern)) {
        return false;
      }
      taken[0] = true;
      return true;
    };
  }

  public static void main(String[] args) throws Exception {
    if (args.length == 1 && args[0].equals("--list")) {
      CASES.forEach((name, each) -> System.out.println(name + " " + each.options));
      return;
    }
    Case chosen = args.length == 1 ? CASES.get(args[0]) : null;
    if (chosen == null) {
      System.err.println("usage: SelfCheck --list | CASE");
      System.exit(2);
    }
    Object keptOpen = chosen.situation.prepare();
    Throwable thrown = null;
    try {
      checkpoint();
    } catch (Throwable e) {
      thrown = e;
    }
    Reference.reachabilityFence(keptOpen);
    if (Boolean.getBoolean("selfcheck.stack") && thrown != null) {
      thrown.printStackTrace();
    }
    if (thrown == null) {
      System.out.println("no exception");
    } else {
      print(thrown, "");
    }
    List<String> differences = differences(args[0], thrown);
    for (String difference : differences) {
      System.out.println(difference);
    }
    if (differences.isEmpty()) {
      System.out.println("as expected");
    }
    System.exit(differences.isEmpty() ? 0 : 1);
  }
}
