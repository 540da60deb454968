package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import org.fdorigin.apps.console.Console;

/**
 * Asks for reports in every way but a checkpoint, by a native library, {@code --library=PATH}: the
 * C interface of the agent, {@code --agent=PATH}, with the report at {@code --to=PATH}; signals;
 * and numbers that run out, by opening {@code --file=PATH} again and again.
 */
public final class Courier {

  private static final List<FileInputStream> HOARD = new ArrayList<>();
  private static ServerSocketChannel post;

  private Courier() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    String agent = console.option("agent", "");
    String to = console.option("to", "");
    String file = console.option("file", "");
    if (!agent.isEmpty()) {
      find(agent);
    }
    console
        .on("open", () -> Map.of("port", openSeventySeven()))
        .on("hoard", () -> hoardEightyThree(file))
        .on("children", () -> Map.of("signals", childSignals(), "waited", waitForAny()))
        .on("here", () -> Map.of("result", dump(to)))
        .on("thread", () -> Map.of("result", dumpOnThread(to)))
        .on("child", () -> Map.of("result", dumpInChild(to)))
        .on("both", () -> both(to))
        .on("late", () -> Map.of("result", dumpAtExit(to)))
        .on("handled", () -> Map.of("count", handled()))
        .on("storm", () -> Map.of("sent", storm(200)))
        .on("sample", Courier::sample)
        .on("halt", Courier::halt)
        .on("system-exit", Courier::systemExit)
        .serve(Map.of());
  }

  static int openSeventySeven() throws IOException {
    post = ServerSocketChannel.open(); // MARK post
    post.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return ((InetSocketAddress) post.getLocalAddress()).getPort();
  }

  /** What was opened stays open. The thread is called as nobody else is. */
  static Map<String, ?> hoardEightyThree(String path) throws InterruptedException {
    Thread miser =
        new Thread(
            () -> {
              try {
                while (true) {
                  HOARD.add(new FileInputStream(path)); // MARK hoard
                }
              } catch (IOException e) {
                // There is no number left.
              }
            },
            "miser");
    miser.start();
    miser.join();
    return Map.of("opened", HOARD.size());
  }

  /** Two threads at once, to one path. */
  private static Map<String, ?> both(String to) throws InterruptedException {
    int[] results = new int[2];
    Thread[] threads = new Thread[2];
    for (int i = 0; i < 2; i++) {
      int place = i;
      threads[i] = new Thread(() -> results[place] = dump(to));
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    return Map.of("first", results[0], "second", results[1]);
  }

  /** Computes until the flight recorder, which stops threads by a signal, has seen it. */
  private static Map<String, ?> sample() throws IOException {
    try (Recording recording = new Recording()) {
      recording.enable("jdk.ExecutionSample").with("period", "10 ms");
      recording.start();
      java.nio.file.Path file = java.nio.file.Path.of("courier.jfr");
      long seen = 0;
      double sum = 0;
      long end = System.nanoTime() + 60_000_000_000L;
      while (seen == 0 && System.nanoTime() < end) {
        for (int i = 0; i < 20_000_000; i++) {
          sum += Math.sqrt(i);
        }
        recording.dump(file);
        seen =
            RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().equals("jdk.ExecutionSample"))
                .count();
      }
      return Map.of("seen", seen > 0, "sum", sum > 0);
    }
  }

  private static Map<String, ?> halt() {
    Runtime.getRuntime().halt(9);
    return Map.of();
  }

  private static Map<String, ?> systemExit() {
    System.exit(8);
    return Map.of();
  }

  private static native void find(String agent);

  private static native int dump(String to);

  private static native int dumpOnThread(String to);

  private static native int dumpInChild(String to);

  private static native int dumpAtExit(String to);

  private static native int childSignals();

  private static native int waitForAny();

  private static native int handled();

  private static native int storm(int times);
}
