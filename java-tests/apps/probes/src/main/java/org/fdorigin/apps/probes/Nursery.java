package org.fdorigin.apps.probes;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * A listening socket, and children that come and go while it is open; {@code
 * -Djdk.lang.Process.launchMechanism} decides how they are born.
 */
public final class Nursery {

  private static final int CHILDREN = 8;

  private Nursery() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    try (ServerSocketChannel cradle = rockCradleFortyThree()) {
      console
          .on("children", Nursery::raiseChildren)
          .serve(Map.of("port", ((InetSocketAddress) cradle.getLocalAddress()).getPort()));
    }
  }

  static ServerSocketChannel rockCradleFortyThree() throws IOException {
    ServerSocketChannel cradle = ServerSocketChannel.open(); // MARK cradle
    return cradle.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  /** Each child echoes one line through its two pipes; the answer counts those that did. */
  static Map<String, ?> raiseChildren() throws IOException, InterruptedException {
    int wellBehaved = 0;
    for (int i = 0; i < CHILDREN; i++) {
      Process child = new ProcessBuilder("cat").redirectErrorStream(true).start();
      byte[] word = ("child " + i).getBytes(StandardCharsets.US_ASCII);
      child.getOutputStream().write(word);
      child.getOutputStream().close();
      String echo = new String(child.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      if (child.waitFor() == 0 && echo.equals("child " + i)) {
        wellBehaved++;
      }
      child.getInputStream().close();
    }
    return Map.of("children", CHILDREN, "wellBehaved", wellBehaved);
  }
}
