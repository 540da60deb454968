package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Holds {@code --held=N} files. From {@code begin} to {@code end} a thread closes and opens others
 * without a pause, in a native library, {@code --library=PATH}; {@code end} says how often, how
 * often that thread waited for anything but a processor, and how many µs of one its dearest beat
 * took, and the eighth of the dearest.
 */
public final class Metronome {

  private final List<FileInputStream> held = new ArrayList<>();
  private Thread thread;
  private volatile long[] told;

  private Metronome() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    Metronome metronome = new Metronome();
    for (int i = 0; i < Integer.parseInt(console.option("held")); i++) {
      metronome.held.add(new FileInputStream("/dev/null")); // MARK hold
    }
    console.on("begin", metronome::begin).on("end", metronome::end).serve(Map.of());
  }

  private Map<String, ?> begin() {
    ready();
    thread = new Thread(() -> told = run(), "metronome");
    thread.start();
    while (beats() == 0) {
      Thread.onSpinWait();
    }
    return Map.of();
  }

  private Map<String, ?> end() throws InterruptedException {
    halt();
    thread.join();
    long eighth = told[told.length - 1];
    return Map.of(
        "beats", beats(), "waits", told[0], "dearest", told[1] / 1000, "eighth", eighth / 1000);
  }

  private static native void ready();

  private static native long[] run();

  private static native long beats();

  private static native void halt();
}
