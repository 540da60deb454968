package org.fdorigin.apps.probes;

import java.io.IOException;
import java.io.InputStream;

/** Defines one class anew; all others are its parent's. */
final class CellarLoader extends ClassLoader {

  private final String name;
  private final byte[] bytes;

  CellarLoader(Class<?> cellar, byte[] bytes) {
    super(cellar.getClassLoader());
    name = cellar.getName();
    this.bytes = bytes;
  }

  /** The class file of a class. */
  static byte[] bytesOf(Class<?> cellar) {
    String file = cellar.getName().substring(cellar.getPackageName().length() + 1) + ".class";
    try (InputStream in = cellar.getResourceAsStream(file)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  protected Class<?> loadClass(String wanted, boolean resolve) throws ClassNotFoundException {
    if (!wanted.equals(name)) {
      return super.loadClass(wanted, resolve);
    }
    synchronized (getClassLoadingLock(name)) {
      Class<?> known = findLoadedClass(name);
      return known != null ? known : defineClass(name, bytes, 0, bytes.length);
    }
  }
}
