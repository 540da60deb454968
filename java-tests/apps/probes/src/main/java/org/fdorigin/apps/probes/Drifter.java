package org.fdorigin.apps.probes;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.atomic.AtomicBoolean;
import org.crac.CheckpointException;
import org.crac.Core;
import org.crac.RestoreException;
import org.fdorigin.apps.console.Console;

/**
 * Opens on virtual threads, each called {@code drifter}: before the first yield, after one, with a
 * monitor held, and with a native frame beneath ({@code --library=PATH}), which pins the thread to
 * its carrier; by the JDK and by a JNI library. With {@code surface} one of them asks for a
 * checkpoint, far above the frames that it left in the heap.
 *
 * <p>With {@code names} some of other names open by the JNI library, and with {@code storm} many,
 * while garbage is collected.
 */
public final class Drifter {

  private static final int DEPTH = 60;
  private static final int STORM = 300;

  /** Of one byte each, of two, of surrogates, and longer than what is kept; and none. */
  private static final List<String> NAMES =
      List.of(
          "beachcomber",
          "Strandl\u00e4ufer",
          "\u6f02\u6d41\u8005 \ud83d\udef6",
          "x".repeat(62) + "\u00fcber Bord",
          "");

  private Drifter() {}

  /** What is between the virtual thread's start and the opening. */
  private enum Water {
    FRESH,
    YIELDED,
    MONITOR,
    PINNED,
    SURFACE
  }

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    for (Water water : EnumSet.complementOf(EnumSet.of(Water.SURFACE))) {
      for (boolean byJdk : new boolean[] {true, false}) {
        console.on(
            water.name().toLowerCase() + (byJdk ? "-jdk" : "-jni"),
            () -> drift(new Drift(water, byJdk)));
      }
    }
    console.on("surface", () -> drift(new Drift(Water.SURFACE, true)));
    console.on("names", Drifter::drifters);
    console.on("storm", Drifter::storm);
    console.serve(Map.of());
  }

  private static Map<String, ?> drift(Drift drift) throws Exception {
    start("drifter", drift).join();
    return Map.of("opened", drift.result());
  }

  /** Compiled for a Java that has no virtual threads. */
  private static Thread start(String name, Runnable work) throws ReflectiveOperationException {
    Class<?> builderType = Class.forName("java.lang.Thread$Builder");
    Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
    builder = builderType.getMethod("name", String.class).invoke(builder, name);
    return (Thread) builderType.getMethod("start", Runnable.class).invoke(builder, work);
  }

  private static Map<String, ?> drifters() throws Exception {
    StringJoiner opened = new StringJoiner("&");
    for (String name : NAMES) {
      Drift drift = new Drift(Water.FRESH, false);
      start(name, drift).join();
      opened.add(drift.result());
    }
    return Map.of("opened", opened);
  }

  private static Map<String, ?> storm() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    Thread wind =
        new Thread(
            () -> {
              byte[][] leaves = new byte[64][];
              for (int i = 0; !over.get(); i++) {
                leaves[i % leaves.length] = new byte[1 << 14];
                if (i % 512 == 0) {
                  System.gc();
                }
              }
            },
            "wind");
    wind.start();
    List<Thread> threads = new ArrayList<>();
    List<Drift> drifts = new ArrayList<>();
    for (int i = 0; i < STORM; i++) {
      Drift drift = new Drift(Water.FRESH, false);
      drifts.add(drift);
      threads.add(start("storm " + i + " " + Integer.toHexString(i * 7919), drift));
    }
    StringJoiner opened = new StringJoiner("&");
    for (int i = 0; i < STORM; i++) {
      threads.get(i).join();
      opened.add(drifts.get(i).result());
    }
    over.set(true);
    wind.join();
    return Map.of("opened", opened);
  }

  private static final class Drift implements Runnable {
    private final Water water;
    private final boolean byJdk;
    private String opened;
    private Exception failed;

    private Drift(Water water, boolean byJdk) {
      this.water = water;
      this.byJdk = byJdk;
    }

    private String result() throws Exception {
      if (failed != null) {
        throw failed;
      }
      return opened;
    }

    @Override
    public void run() {
      try {
        opened = sinkSeventyOne(DEPTH);
      } catch (IOException e) {
        failed = e;
      }
    }

    private String sinkSeventyOne(int left) throws IOException {
      return left > 0 ? sinkSeventyOne(left - 1) : dive();
    }

    private String dive() throws IOException {
      switch (water) {
        case YIELDED:
          Thread.yield();
          return land();
        case MONITOR:
          synchronized (this) {
            Thread.yield();
            return land();
          }
        case PINNED:
          Landing landing = new Landing(this);
          Ferryman.carry(landing);
          return landing.opened;
        case SURFACE:
          Thread.yield();
          return surfaceSeventyFour(2 * DEPTH);
        default:
          return land();
      }
    }

    private static String surfaceSeventyFour(int left) {
      if (left > 0) {
        return surfaceSeventyFour(left - 1);
      }
      try {
        Core.checkpointRestore();
        return "passed";
      } catch (CheckpointException | RestoreException e) {
        return "failed";
      }
    }

    private String land() throws IOException {
      return byJdk ? landSeventyTwo() : landSeventyThree();
    }

    private static String landSeventyTwo() throws IOException {
      return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK jdk
    }

    private static String landSeventyThree() throws IOException {
      return Witness.of(new Throwable(), Ferryman.cross()); // MARK jni
    }
  }

  /** On top of a native frame, where a yield stays where it is. */
  private static final class Landing implements Runnable {
    private final Drift drift;
    private String opened;

    private Landing(Drift drift) {
      this.drift = drift;
    }

    @Override
    public void run() {
      try {
        Thread.yield();
        opened = drift.land();
      } catch (IOException e) {
        drift.failed = e;
      }
    }
  }
}
