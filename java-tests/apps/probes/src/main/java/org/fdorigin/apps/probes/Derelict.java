package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.FileDescriptor;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.Pipe;
import java.nio.channels.Selector;
import java.nio.file.FileSystems;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Opens descriptors of many kinds, each in a method whose name is found nowhere else, and then gets
 * into a state in which a JVM answers nobody. {@code --library=PATH} is the native library.
 */
public final class Derelict {

  private static final List<Object> HELD = new ArrayList<>();

  private Derelict() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    int port = moorAtQuayEightyOne();
    sailToQuayEightyTwo(port);
    console
        .on("stick", Derelict::stick)
        .on("fill", Derelict::fill)
        .on("exhaust", Derelict::exhaust)
        .serve(
            Map.of(
                "port", port,
                "watched", watchTheTideEightyThree(),
                "selected", selectABerthEightyFour(),
                "piped", layAPipeEightyFive(),
                "file", openTheLogEightySix(console.option("library"))));
  }

  private static int moorAtQuayEightyOne() throws IOException {
    ServerSocket quay = new ServerSocket(0); // MARK quay
    HELD.add(quay);
    return quay.getLocalPort();
  }

  private static void sailToQuayEightyTwo(int port) throws IOException {
    HELD.add(new Socket("127.0.0.1", port)); // MARK sail
  }

  private static boolean watchTheTideEightyThree() throws IOException {
    WatchService tide = FileSystems.getDefault().newWatchService(); // MARK tide
    return HELD.add(tide);
  }

  private static boolean selectABerthEightyFour() throws IOException {
    return HELD.add(Selector.open()); // MARK berth
  }

  private static boolean layAPipeEightyFive() throws IOException {
    return HELD.add(Pipe.open()); // MARK pipe
  }

  private static boolean openTheLogEightySix(String path) throws IOException {
    return HELD.add(new FileInputStream(path)); // MARK log
  }

  /** Never comes back: the VM thread does not leave the safepoint. */
  private static Map<String, ?> stick() {
    armCollections();
    System.gc();
    return Map.of();
  }

  /** Until the process may open no more. */
  private static Map<String, ?> fill() throws IOException {
    int opened = 0;
    try {
      while (true) {
        stowAwayEightySeven();
        opened++;
      }
    } catch (IOException e) {
      return Map.of("opened", opened);
    }
  }

  private static void stowAwayEightySeven() throws IOException {
    HELD.add(new FileInputStream("/etc/hostname")); // MARK stow
  }

  /** Until there is no memory for a single byte; the answer is made of what was there before. */
  private static Map<String, ?> exhaust() throws IOException {
    byte[] answer = "READY exhausted=true\n".getBytes();
    FileOutputStream out = new FileOutputStream(FileDescriptor.out);
    Object[] chain = null;
    for (int size = 1 << 20; size > 0; ) {
      try {
        Object[] next = new Object[size];
        next[0] = chain;
        chain = next;
      } catch (OutOfMemoryError e) {
        size /= 2;
      }
    }
    out.write(answer);
    while (chain != null) {
      Thread.onSpinWait();
    }
    return Map.of();
  }

  private static native void armCollections();
}
