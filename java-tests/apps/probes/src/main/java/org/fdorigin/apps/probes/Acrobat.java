package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Throws and catches, through a few frames and within one method, and says what one throw takes:
 * an agent must not make the exceptions of a program slower.
 */
public final class Acrobat {

  private static final int ROUNDS = 5;
  private static final int THROWS = 400_000;

  private Acrobat() {}

  private static final class Fall extends Exception {
    Fall() {
      super(null, null, false, false);
    }
  }

  private static final Fall FALL = new Fall();
  private static int caught;

  private static void jump(int height, int turn) throws Fall {
    if (height > 0) {
      jump(height - 1, turn);
    } else if ((turn & 1) == 0) {
      throw FALL;
    }
  }

  private static void perform(int height) {
    for (int turn = 0; turn < THROWS; turn++) {
      try {
        jump(height, turn);
      } catch (Fall fall) {
        caught++;
      }
    }
  }

  /** The fastest of some rounds, in picoseconds per turn: noise only adds. */
  private static Map<String, ?> measure() {
    long best = Long.MAX_VALUE;
    for (int round = 0; round < ROUNDS; round++) {
      long start = System.nanoTime();
      perform(4);
      best = Math.min(best, System.nanoTime() - start);
    }
    return Map.of("picoseconds", best * 1000 / THROWS, "caught", caught);
  }

  public static void main(String[] args) throws IOException {
    new Console(args).on("measure", Acrobat::measure).serve(Map.of());
  }
}
