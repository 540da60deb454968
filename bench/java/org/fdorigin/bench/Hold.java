package org.fdorigin.bench;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.ref.Reference;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Holds many descriptors that were opened from many places, and says how much of a processor an open
 * took at most.
 *
 * <p>{@code Hold WHAT DESCRIPTORS STACKS}: opens that many files or sockets, the N-th below a stack
 * of Java frames that is one of STACKS. From then on a thread opens and closes one file again and
 * again. Each line of standard input is answered by the most that this took of a processor since the
 * line before, in nanoseconds.
 */
public final class Hold {

  /** Frames by which stacks differ: each is of one of two methods, by a bit of the number. */
  private static final int LEVELS = 10;

  private static final String FILE = "/dev/null";
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private static volatile boolean asked;
  private static volatile long answer;

  private final boolean sockets;
  private final List<Closeable> held = new ArrayList<>();

  private Hold(String what) {
    this.sockets =
        switch (what) {
          case "socket" -> true;
          case "file" -> false;
          default -> throw new IllegalArgumentException("file or socket, not " + what);
        };
  }

  public static void main(String[] args) throws IOException {
    Hold hold = new Hold(args[0]);
    int stacks = Integer.parseInt(args[2]);
    for (int i = 0; i < Integer.parseInt(args[1]); ++i) {
      hold.open(LEVELS, i % stacks);
    }
    Thread opener = new Thread(Hold::openAndClose, "opener");
    opener.setDaemon(true);
    opener.start();
    System.out.println("ready");
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    while (in.readLine() != null) {
      asked = true;
      while (asked) {
        Thread.onSpinWait();
      }
      System.out.println(answer);
    }
    Reference.reachabilityFence(hold);
  }

  /** Tells the most that an open took where asked, and begins anew. */
  private static void openAndClose() {
    long longest = 0;
    while (true) {
      long begin = THREADS.getCurrentThreadCpuTime();
      try {
        FileInputStream file = new FileInputStream(FILE);
        longest = Math.max(longest, THREADS.getCurrentThreadCpuTime() - begin);
        file.close();
      } catch (IOException e) {
        longest = Long.MAX_VALUE;
      }
      if (asked) {
        answer = longest;
        longest = 0;
        asked = false;
      }
    }
  }

  private void open(int level, int bits) throws IOException {
    if (level == 0) {
      held.add(sockets ? SocketChannel.open() : new FileInputStream(FILE));
    } else if ((bits & 1) == 0) {
      even(level, bits);
    } else {
      odd(level, bits);
    }
  }

  private void even(int level, int bits) throws IOException {
    open(level - 1, bits >> 1);
  }

  private void odd(int level, int bits) throws IOException {
    open(level - 1, bits >> 1);
  }
}
