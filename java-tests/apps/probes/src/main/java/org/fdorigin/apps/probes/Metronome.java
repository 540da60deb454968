package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Holds {@code --held=N} files while a thread opens and closes another one without a pause, in a
 * native library, {@code --library=PATH}. {@code count} says how often, {@code halt} what that
 * thread waited for and how long its opens kept a processor.
 */
public final class Metronome {

  private static final long LONG_NS = 1_000_000;

  private final List<FileInputStream> held = new ArrayList<>();
  private final Thread thread = new Thread(this::tick, "metronome");
  private volatile long[] told;

  private Metronome() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    Metronome metronome = new Metronome();
    for (int i = 0; i < Integer.parseInt(console.option("held")); i++) {
      metronome.held.add(new FileInputStream("/dev/null")); // MARK hold
    }
    metronome.thread.start();
    while (beats() == 0) {
      Thread.onSpinWait();
    }
    console
        .on("count", () -> Map.of("beats", beats()))
        .on("halt", metronome::stop)
        .serve(Map.of());
  }

  private void tick() {
    told = run(LONG_NS);
  }

  private Map<String, ?> stop() throws InterruptedException {
    halt();
    thread.join();
    return Map.of("beats", beats(), "waits", told[0], "longest", told[1], "long", told[2]);
  }

  private static native long[] run(long longNs);

  private static native long beats();

  private static native void halt();
}
