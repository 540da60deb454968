package jdk.internal.standin;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.reflect.Method;
import java.nio.channels.AsynchronousChannel;
import java.nio.channels.Channel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.ZipFile;
import jdk.internal.misc.Unsafe;

/**
 * The live objects of the stock JDK that hold descriptors. In a CRaC JDK each of them registers
 * itself as a resource when it is made; here they are looked for on the heap at the checkpoint.
 */
public final class LiveJdkObjects {
  /** An object that wraps a descriptor. */
  public static final class Owner {
    public final Object object;
    public final int fd;

    /** The application has closed it, but a selector in which it is registered keeps it open. */
    public final boolean closing;

    private Owner(Object object, int fd, boolean closing) {
      this.object = object;
      this.fd = fd;
      this.closing = closing;
    }
  }

  /** A stream or a RandomAccessFile that was opened by a path. */
  public static final class OpenFile {
    public final Object object;
    public final int fd;
    public final String path;

    private OpenFile(Object object, int fd, String path) {
      this.object = object;
      this.fd = fd;
      this.path = path;
    }
  }

  /** A pipe of which both ends are open. */
  public static final class OpenPipe {
    public final Object object;
    public final int sourceFd;
    public final int sinkFd;

    private OpenPipe(Object object, int sourceFd, int sinkFd) {
      this.object = object;
      this.sourceFd = sourceFd;
      this.sinkFd = sinkFd;
    }
  }

  /** A selector, with the channels of the keys that it has not yet dropped. */
  public static final class OpenSelector {
    public final Selector selector;
    public final int epollFd;

    /** What wakes it: an event descriptor, or the two ends of a pipe (JDK 11). */
    public final List<Integer> wakeupFds;

    public final List<Channel> channels;

    private OpenSelector(
        Selector selector, int epollFd, List<Integer> wakeupFds, List<Channel> channels) {
      this.selector = selector;
      this.epollFd = epollFd;
      this.wakeupFds = wakeupFds;
      this.channels = channels;
    }
  }

  /** A WatchService with its inotify descriptor and the socket pair that wakes its thread. */
  public static final class OpenWatchService {
    public final int[] fds;
    public final boolean hasKeys;

    private OpenWatchService(int[] fds, boolean hasKeys) {
      this.fds = fds;
      this.hasKeys = hasKeys;
    }
  }

  private static final String[] CLASS_NAMES = {
    "java.io.FileDescriptor",
    "java.io.FileInputStream",
    "java.io.FileOutputStream",
    "java.io.RandomAccessFile",
    "java.util.zip.ZipFile$Source",
    "sun.nio.ch.AsynchronousServerSocketChannelImpl",
    "sun.nio.ch.AsynchronousSocketChannelImpl",
    "sun.nio.ch.DatagramChannelImpl",
    "sun.nio.ch.EPollSelectorImpl",
    "sun.nio.ch.NioSocketImpl",
    "sun.nio.ch.PipeImpl",
    "sun.nio.ch.ServerSocketChannelImpl",
    "sun.nio.ch.SinkChannelImpl",
    "sun.nio.ch.SocketChannelImpl",
    "sun.nio.ch.SourceChannelImpl",
    "sun.nio.fs.LinuxWatchService",
  };

  public final List<Owner> sockets = new ArrayList<>();
  public final List<OpenFile> files = new ArrayList<>();
  public final List<OpenPipe> pipes = new ArrayList<>();
  public final List<OpenSelector> selectors = new ArrayList<>();
  public final List<OpenWatchService> watchServices = new ArrayList<>();

  /** The descriptors that belong to nothing of the above; their objects are FileDescriptors. */
  public final List<Owner> rawDescriptors = new ArrayList<>();

  /** The descriptors of archives opened by {@link ZipFile}. */
  public final List<Integer> zipFds = new ArrayList<>();

  /** Descriptors of the NIO library itself, which a CRaC JDK closes for the checkpoint. */
  public final List<Integer> nioInternalFds;

  private final Set<FileDescriptor> owned = Collections.newSetFromMap(new IdentityHashMap<>());

  private LiveJdkObjects() {
    nioInternalFds = findPreCloseMarker();
    Map<String, List<Object>> groups = findByClass();
    List<Object> descriptors = groups.remove(FileDescriptor.class.getName());
    for (Map.Entry<String, List<Object>> group : groups.entrySet()) {
      for (Object object : group.getValue()) {
        add(group.getKey(), object);
      }
    }
    // Last, when it is known which of them belong to something better.
    for (Object object : descriptors) {
      FileDescriptor descriptor = (FileDescriptor) object;
      int fd = number(descriptor);
      if (fd >= 0 && !owned.contains(descriptor) && Vm.link(fd) != null) {
        rawDescriptors.add(new Owner(descriptor, fd, false));
      }
    }
  }

  /** Finds what is alive now; unreachable objects are collected first. */
  public static LiveJdkObjects find() {
    // A CRaC JDK collects and waits for the cleaners at REFERENCE_HANDLER for the same reason.
    System.gc();
    return new LiveJdkObjects();
  }

  private static Map<String, List<Object>> findByClass() {
    Map<String, List<Object>> groups = new TreeMap<>();
    List<Class<?>> bases = new ArrayList<>();
    for (String name : CLASS_NAMES) {
      Class<?> base = Fields.bootClass(name);
      if (base != null) {
        bases.add(base);
      }
    }
    for (Object object : Vm.liveInstances(bases.toArray(new Class<?>[0]))) {
      for (Class<?> base : bases) {
        if (base.isInstance(object)) {
          groups.computeIfAbsent(base.getName(), name -> new ArrayList<>()).add(object);
        }
      }
    }
    return groups;
  }

  private void add(String base, Object object) {
    switch (base) {
      case "sun.nio.ch.SocketChannelImpl":
      case "sun.nio.ch.ServerSocketChannelImpl":
      case "sun.nio.ch.DatagramChannelImpl":
      case "sun.nio.ch.AsynchronousSocketChannelImpl":
      case "sun.nio.ch.AsynchronousServerSocketChannelImpl":
        addChannel((Channel) object);
        break;
      case "sun.nio.ch.NioSocketImpl":
        addSocket(object);
        break;
      case "sun.nio.ch.EPollSelectorImpl":
        addSelector((Selector) object);
        break;
      case "sun.nio.ch.PipeImpl":
        addPipe(object);
        break;
      case "sun.nio.ch.SourceChannelImpl":
      case "sun.nio.ch.SinkChannelImpl":
        // Open ends without a PipeImpl are left to their FileDescriptor; a closed one's number may
        // be somebody else's by now.
        if (!((Channel) object).isOpen()) {
          owned.add(descriptorOf(object));
        }
        break;
      case "sun.nio.fs.LinuxWatchService":
        addWatchService(object);
        break;
      case "java.util.zip.ZipFile$Source":
        addZip(object);
        break;
      default:
        addFile(object);
        break;
    }
  }

  private static FileDescriptor descriptorOf(Object object) {
    return (FileDescriptor) Fields.get(object, "fd");
  }

  private static int number(FileDescriptor descriptor) {
    return Fields.getInt(descriptor, "fd");
  }

  private void addChannel(Channel channel) {
    FileDescriptor descriptor = descriptorOf(channel);
    owned.add(descriptor);
    boolean closing = !channel.isOpen() && isClosing(channel);
    if (channel.isOpen() || closing) {
      sockets.add(new Owner(channel, number(descriptor), closing));
    }
  }

  /** Whether the closed channel's descriptor is still open, because of a selector or a thread. */
  private static boolean isClosing(Channel channel) {
    return !(channel instanceof AsynchronousChannel)
        && Fields.getInt(channel, "state") == Fields.getConstant(channel, "ST_CLOSING");
  }

  private void addSocket(Object socket) {
    FileDescriptor descriptor = descriptorOf(socket);
    if (descriptor == null) {
      return;
    }
    owned.add(descriptor);
    int state = Fields.getInt(socket, "state");
    int closing = Fields.getConstant(socket, "ST_CLOSING");
    if (number(descriptor) >= 0 && state <= closing) {
      sockets.add(new Owner(socket, number(descriptor), state == closing));
    }
  }

  private void addSelector(Selector selector) {
    if (!selector.isOpen()) {
      return;
    }
    List<Channel> channels = new ArrayList<>();
    for (Object key : (Set<?>) Fields.get(selector, "keys")) {
      channels.add(((SelectionKey) key).channel());
    }
    selectors.add(
        new OpenSelector(
            selector,
            Fields.getInt(selector, "epfd"),
            Fields.has(selector, "eventfd")
                ? List.of(Fields.getInt(Fields.get(selector, "eventfd"), "efd"))
                : List.of(Fields.getInt(selector, "fd0"), Fields.getInt(selector, "fd1")),
            channels));
  }

  private void addPipe(Object pipe) {
    Channel source = (Channel) Fields.get(pipe, "source");
    Channel sink = (Channel) Fields.get(pipe, "sink");
    if (!source.isOpen() || !sink.isOpen()) {
      return;
    }
    owned.add(descriptorOf(source));
    owned.add(descriptorOf(sink));
    pipes.add(
        new OpenPipe(
            pipe, number(descriptorOf(source)), number(descriptorOf(sink))));
  }

  private void addWatchService(Object service) {
    if ((Boolean) Fields.get(service, "closed")) {
      return;
    }
    Object poller = Fields.get(service, "poller");
    int[] pair = (int[]) Fields.get(poller, "socketpair");
    watchServices.add(
        new OpenWatchService(
            new int[] {Fields.getInt(poller, "ifd"), pair[0], pair[1]},
            !((Map<?, ?>) Fields.get(poller, "wdToKey")).isEmpty()));
  }

  private void addZip(Object source) {
    RandomAccessFile file = (RandomAccessFile) Fields.get(source, "zfile");
    if (file == null) {
      return;
    }
    int fd = number((FileDescriptor) Fields.get(file, "fd"));
    if (fd >= 0) {
      zipFds.add(fd);
    }
  }

  private void addFile(Object file) {
    FileDescriptor descriptor;
    try {
      if (file instanceof FileInputStream) {
        descriptor = ((FileInputStream) file).getFD();
      } else if (file instanceof FileOutputStream) {
        descriptor = ((FileOutputStream) file).getFD();
      } else {
        descriptor = ((RandomAccessFile) file).getFD();
      }
    } catch (IOException e) {
      return;
    }
    String path = (String) Fields.get(file, "path");
    // Opened from a FileDescriptor, like the streams of a child process: that one speaks for it.
    if (path == null) {
      return;
    }
    owned.add(descriptor);
    int fd = number(descriptor);
    if (fd >= 0) {
      files.add(new OpenFile(file, fd, path));
    }
  }

  /**
   * The half of a socket pair that the NIO library keeps for ever, to be put with dup2 in the place
   * of a socket that is being closed while a thread is blocked on it. Its number is in a variable
   * of libnio that nobody exports, so the library is made to duplicate it.
   */
  private static List<Integer> findPreCloseMarker() {
    List<Integer> found = new ArrayList<>();
    // Since JDK 21 the method is UnixDispatcher's, before it FileDispatcherImpl's.
    for (String name : List.of("sun.nio.ch.UnixDispatcher", "sun.nio.ch.FileDispatcherImpl")) {
      Class<?> dispatcher = Fields.bootClass(name);
      if (dispatcher == null || Unsafe.getUnsafe().shouldBeInitialized(dispatcher)) {
        continue;
      }
      int probe = Vm.openNull();
      FileDescriptor descriptor = new FileDescriptor();
      Fields.setInt(descriptor, "fd", probe);
      try {
        Method preClose = dispatcher.getDeclaredMethod("preClose0", FileDescriptor.class);
        preClose.setAccessible(true);
        preClose.invoke(null, descriptor);
        String marker = Vm.link(probe);
        for (int fd : Vm.openDescriptors()) {
          if (fd != probe && marker.equals(Vm.link(fd))) {
            found.add(fd);
          }
        }
      } catch (NoSuchMethodException e) {
        continue;
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      } finally {
        Fields.setInt(descriptor, "fd", -1);
        Vm.close(probe);
      }
    }
    return found;
  }
}
