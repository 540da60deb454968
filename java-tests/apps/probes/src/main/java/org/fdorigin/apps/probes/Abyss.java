package org.fdorigin.apps.probes;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Opens at the bottom of a recursion of {@code --depth} frames, by the JDK and by a JNI library,
 * {@code --library=PATH}. To be run with {@code -Xss64m} and {@code -XX:MaxJavaStackTraceDepth}
 * above that depth.
 */
public final class Abyss {

  private Abyss() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    int depth = Integer.parseInt(console.option("depth", "10000"));
    console
        .on("dive-jdk", () -> dive(new Diver(depth, true)))
        .on("dive-jni", () -> dive(new Diver(depth, false)))
        .serve(Map.of());
  }

  private static Map<String, ?> dive(Diver diver) throws InterruptedException {
    Thread thread = new Thread(diver, "diver");
    thread.start();
    thread.join();
    return Map.of("opened", diver.opened);
  }

  private static final class Diver implements Runnable {
    private final int depth;
    private final boolean byJdk;
    private String opened;

    private Diver(int depth, boolean byJdk) {
      this.depth = depth;
      this.byJdk = byJdk;
    }

    @Override
    public void run() {
      try {
        opened = leapNinetyOne();
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }

    private String leapNinetyOne() throws IOException {
      return sinkNinetyTwo(depth);
    }

    private String sinkNinetyTwo(int left) throws IOException {
      if (left % 2 == 1) {
        return sinkNinetyTwo(left - 1);
      }
      return left > 0 ? sinkNinetyTwo(left - 1) : touchGroundNinetyThree();
    }

    private String touchGroundNinetyThree() throws IOException {
      if (byJdk) {
        return Witness.of(new Throwable(), ServerSocketChannel.open());
      }
      return Witness.of(new Throwable(), Ferryman.cross());
    }
  }
}
