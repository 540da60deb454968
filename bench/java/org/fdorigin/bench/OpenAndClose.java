package org.fdorigin.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;

/**
 * Opens and closes a socket again and again below a given number of Java frames, and says how long
 * a pair of calls took.
 *
 * <p>{@code OpenAndClose LIBRARY WHAT FRAMES THREADS SECONDS}: loads the native library, descends
 * until that many frames are on the stack of each thread, the native method's among them, and
 * warms up for so many seconds. Then it answers every line of standard input, a number of
 * milliseconds, by what a pair took in a slice of that length: nanoseconds of the clock and of the
 * processor. Nothing runs between two slices, so that two such processes can take turns on the same
 * processor.
 *
 * <p>The frames are real ones in compiled code: each descent does a few pairs only, so the whole
 * recursion is hot, not just the loop at its end.
 */
public final class OpenAndClose {

  private static final int PAIRS_PER_DESCENT = 64;

  private final ThreadMXBean clock = ManagementFactory.getThreadMXBean();
  private final boolean channel;
  private final int frames;
  private final int threads;
  private volatile IOException failure;

  /** Nanoseconds of one pair. */
  private record Cost(double wall, double processor) {
    @Override
    public String toString() {
      return wall + " " + processor;
    }
  }

  private OpenAndClose(String what, int frames, int threads) {
    this.channel =
        switch (what) {
          case "socket" -> false;
          case "channel" -> true;
          default -> throw new IllegalArgumentException("socket or channel, not " + what);
        };
    this.frames = frames;
    this.threads = threads;
  }

  private static native int socketAndClose();

  public static void main(String[] args) throws IOException, InterruptedException {
    System.load(args[0]);
    OpenAndClose bench =
        new OpenAndClose(args[1], Integer.parseInt(args[2]), Integer.parseInt(args[3]));
    bench.slice((long) (Double.parseDouble(args[4]) * 1e9));
    System.out.println("warm");
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      System.out.println(bench.slice(Long.parseLong(line) * 1_000_000));
    }
  }

  /** What one pair takes, as a thread sees it, on average over all threads. */
  private Cost slice(long nanoseconds) throws IOException, InterruptedException {
    CountDownLatch start = new CountDownLatch(1);
    Cost[] results = new Cost[threads];
    Thread[] workers = new Thread[threads];
    for (int i = 0; i < threads; ++i) {
      int number = i;
      workers[i] = new Thread(() -> results[number] = work(start, nanoseconds), "worker-" + i);
      workers[i].start();
    }
    start.countDown();
    double wall = 0;
    double processor = 0;
    for (int i = 0; i < threads; ++i) {
      workers[i].join();
      if (failure != null) {
        throw failure;
      }
      wall += results[i].wall;
      processor += results[i].processor;
    }
    return new Cost(wall / threads, processor / threads);
  }

  private Cost work(CountDownLatch start, long nanoseconds) {
    try {
      start.await();
      // One frame more is the native method's; for a channel, the JDK's frames come on top.
      int below = frames - depth() - 2;
      if (below < 0 || measuredDepth(below) != frames) {
        throw new IOException("cannot have exactly " + frames + " frames");
      }
      long processorBegin = clock.getCurrentThreadCpuTime();
      long begin = System.nanoTime();
      long end;
      long pairs = 0;
      do {
        descend(below);
        pairs += PAIRS_PER_DESCENT;
        end = System.nanoTime();
      } while (end - begin < nanoseconds);
      long processor = clock.getCurrentThreadCpuTime() - processorBegin;
      return new Cost((double) (end - begin) / pairs, (double) processor / pairs);
    } catch (IOException e) {
      failure = e;
    } catch (InterruptedException e) {
      failure = new IOException(e);
    }
    return null;
  }

  private void descend(int below) throws IOException {
    if (below > 0) {
      descend(below - 1);
      return;
    }
    for (int i = 0; i < PAIRS_PER_DESCENT; ++i) {
      if (channel) {
        SocketChannel.open().close();
      } else if (socketAndClose() != 0) {
        throw new IOException("socket() or close() failed");
      }
    }
  }

  /** How many frames the caller of this method has on its stack, itself and hidden ones too. */
  private static int depth() {
    StackWalker walker = StackWalker.getInstance(StackWalker.Option.SHOW_HIDDEN_FRAMES);
    return (int) (long) walker.walk(stack -> stack.count()) - 1;
  }

  /** The same recursion as that of descend; its end counts one more, for the native method. */
  private int measuredDepth(int below) {
    return below > 0 ? measuredDepth(below - 1) : depth() + 1;
  }
}
