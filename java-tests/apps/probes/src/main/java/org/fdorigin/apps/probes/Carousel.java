package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import org.fdorigin.apps.console.Console;

/**
 * {@code --riders=N} threads that open, copy, replace and close descriptors at the same time, over
 * the few numbers that they share, in a native library, {@code --library=PATH}. On each {@code
 * ride} every one makes {@code --turns=N} turns and then waits, holding what it holds; the answer
 * says by which native function each of these descriptors came.
 */
public final class Carousel {

  private final List<String> held = new ArrayList<>();
  private final CyclicBarrier start;
  private final CyclicBarrier end;

  private Carousel(int riders) {
    start = new CyclicBarrier(riders + 1);
    end = new CyclicBarrier(riders + 1);
  }

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    int riders = Integer.parseInt(console.option("riders"));
    int turns = Integer.parseInt(console.option("turns"));
    Carousel carousel = new Carousel(riders);
    for (int i = 0; i < riders; i++) {
      int seed = i;
      Thread rider = new Thread(() -> carousel.rideSeventyOne(seed, turns), "rider-" + i);
      rider.setDaemon(true);
      rider.start();
    }
    console.on("ride", carousel::ride).serve(Map.of());
  }

  private Map<String, ?> ride() throws InterruptedException, BrokenBarrierException {
    held.clear();
    start.await();
    end.await();
    StringJoiner all = new StringJoiner(",");
    held.forEach(all::add);
    return Map.of("held", all);
  }

  private void rideSeventyOne(int seed, int turns) {
    try {
      while (true) {
        start.await();
        String mine = turn(seed, turns); // MARK turn
        if (!mine.isEmpty()) {
          synchronized (held) {
            held.add(mine);
          }
        }
        end.await();
      }
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException(e);
    }
  }

  private static native String turn(int seed, int times);
}
