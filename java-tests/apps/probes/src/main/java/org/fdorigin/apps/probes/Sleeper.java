package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Opens {@code FILE} and a socket before it is saved and others after it was made again, in the
 * folder {@code FOLDER}. It has no pipe to anybody, which could not be saved: it is told to go on by
 * the files {@code go} and {@code end} there, and says what it has done on standard output.
 */
public final class Sleeper {

  private static final List<Object> KEPT = new ArrayList<>();

  private Sleeper() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    Path folder = Path.of(args[0]);
    String file = args[1];
    fallAsleepThirtySeven(folder, file);
    say("READY");
    await(folder.resolve("go"));
    wakeUpFortyOne(file);
    say("AWAKE " + ProcessHandle.current().pid());
    await(folder.resolve("end"));
  }

  /** A unix socket: criu 4.1 cannot save others on Linux 6.18. */
  static void fallAsleepThirtySeven(Path folder, String file) throws IOException {
    KEPT.add(new FileInputStream(file)); // MARK asleep
    KEPT.add(
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
            .bind(UnixDomainSocketAddress.of(folder.resolve("bed"))));
  }

  static void wakeUpFortyOne(String file) throws IOException {
    KEPT.add(new FileInputStream(file)); // MARK awake
    KEPT.add(
        ServerSocketChannel.open()
            .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)));
  }

  private static void say(String text) {
    System.out.println(text);
    System.out.flush();
  }

  private static void await(Path file) throws InterruptedException {
    while (!Files.exists(file)) {
      Thread.sleep(10);
    }
  }
}
