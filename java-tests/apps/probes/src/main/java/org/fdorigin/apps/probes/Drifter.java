package org.fdorigin.apps.probes;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.channels.ServerSocketChannel;
import java.util.EnumSet;
import java.util.Map;
import org.crac.CheckpointException;
import org.crac.Core;
import org.crac.RestoreException;
import org.fdorigin.apps.console.Console;

/**
 * Opens on virtual threads, each called {@code drifter}: before the first yield, after one, with a
 * monitor held, and with a native frame beneath ({@code --library=PATH}), which pins the thread to
 * its carrier; by the JDK and by a JNI library. With {@code surface} one of them asks for a
 * checkpoint, far above the frames that it left in the heap.
 */
public final class Drifter {

  private static final int DEPTH = 60;

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
    console.serve(Map.of());
  }

  private static Map<String, ?> drift(Drift drift) throws Exception {
    // Compiled for a Java that has no virtual threads.
    Class<?> builderType = Class.forName("java.lang.Thread$Builder");
    Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
    builder = builderType.getMethod("name", String.class).invoke(builder, "drifter");
    Method start = builderType.getMethod("start", Runnable.class);
    Thread thread = (Thread) start.invoke(builder, drift);
    thread.join();
    if (drift.failed != null) {
      throw drift.failed;
    }
    return Map.of("opened", drift.opened);
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
